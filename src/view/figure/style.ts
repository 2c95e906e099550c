/** Sizes in points and colours of the pictures: one place, so that line weights and distances are the same in all. */

/** 1 mm in points. */
export const mm = 72 / 25.4;

/** The width of a column of an A4 page of two (2 × 84 mm and 6 mm between), and the height of its text. */
export const columnWidth = 84;
export const pageHeight = 247;

export const size = {
  /** Every letter is 7 pt, the smallest that journals take. */
  font: 7,
  line: 8.2,
  /** From the top of a line of text to its base. */
  base: 6.3,
  padX: 4.5,
  padY: 2.2,
  radius: 2,
  /** Rounded corners of lines. */
  bend: 3,
  stroke: 0.6,
  strokeEdge: 0.6,
  arrow: 3.2,
  /** Between layers of boxes, and between boxes side by side. */
  between: 6,
  beside: 8,
  /** Around what a frame holds, and above it for its title. */
  framePad: 5,
  frameTop: 12,
  /** Between panels. */
  panels: 12,
  margin: 3,
} as const;

export type ThemeName = 'light' | 'dark';

/** Colours by what they are for. */
export interface Theme {
  readonly paper: string;
  readonly ink: string;
  readonly quiet: string;
  readonly edge: string;
  readonly shortcut: string;
  readonly layer: string;
  readonly layerLine: string;
  readonly block: string;
  readonly blockLine: string;
  readonly join: string;
  readonly joinLine: string;
  readonly end: string;
  readonly endLine: string;
  readonly frame: string;
  readonly frameLine: string;
}

export type Colour = keyof Theme;

export const themes: Readonly<Record<ThemeName, Theme>> = {
  light: {
    paper: '#ffffff',
    ink: '#1c2733',
    quiet: '#5a6775',
    edge: '#5a6775',
    shortcut: '#c2410c',
    layer: '#f4f6f8',
    layerLine: '#8b98a6',
    block: '#e3edf7',
    blockLine: '#4f7fae',
    join: '#fdf0e3',
    joinLine: '#d08a4e',
    end: '#ffffff',
    endLine: '#8b98a6',
    frame: '#fafbfc',
    frameLine: '#b4bec8',
  },
  dark: {
    paper: '#12171d',
    ink: '#e8edf2',
    quiet: '#a3b0bd',
    edge: '#93a1af',
    shortcut: '#fb923c',
    layer: '#1f2730',
    layerLine: '#5c6b7a',
    block: '#1c3350',
    blockLine: '#5d93c9',
    join: '#3b2a18',
    joinLine: '#c98445',
    end: '#12171d',
    endLine: '#5c6b7a',
    frame: '#171d24',
    frameLine: '#46525f',
  },
};
