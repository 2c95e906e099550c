/** A panel with places: plain coordinates in points, y down. */
import type { Box, Edge, Frame, Panel } from './drawing.ts';

/** Coordinates have two decimals. */
export const rounded = (n: number): number => Math.round(n * 100) / 100;

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Area extends Point {
  readonly width: number;
  readonly height: number;
}

/** The shortcut beside a box: its line from above the box to the join below, and the layers on it. */
export interface PlacedBypass {
  readonly line: readonly Point[];
  readonly box: (Area & { readonly lines: readonly string[] }) | undefined;
  readonly join: Area & { readonly text: string };
  /** Through the box: from where the edge comes in to where it goes on. */
  readonly body: readonly (readonly Point[])[];
}

export interface PlacedBox extends Area {
  readonly box: Box;
  /** All that belongs to it, with its shortcut and its × n. */
  readonly around: Area;
  readonly bypass: PlacedBypass | undefined;
  /** Where `× 3` stands. */
  readonly times: (Area & { readonly text: string }) | undefined;
  /** The shape of what it gives, beside the line that goes on from it. */
  readonly label: (Area & { readonly text: string }) | undefined;
}

export interface PlacedFrame extends Area {
  readonly frame: Frame;
  readonly depth: number;
  readonly title: (Area & { readonly text: string }) | undefined;
}

export interface PlacedEdge {
  readonly edge: Edge;
  readonly points: readonly Point[];
  readonly labels: readonly (Area & { readonly text: string })[];
}

export interface PlacedPanel {
  readonly panel: Panel;
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly PlacedBox[];
  readonly frames: readonly PlacedFrame[];
  readonly edges: readonly PlacedEdge[];
}

/** A box with everything of it in another place. */
export function movedBox(placed: PlacedBox, move: <T extends Point>(of: T) => T): PlacedBox {
  const { around, times, label, bypass } = placed;
  return {
    ...move(placed),
    around: move(around),
    times: times && move(times),
    label: label && move(label),
    bypass: bypass && {
      line: bypass.line.map(move),
      box: bypass.box && move(bypass.box),
      join: move(bypass.join),
      body: bypass.body.map((line) => line.map(move)),
    },
  };
}
