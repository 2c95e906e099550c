/**
 * What a picture of a network is made of, as plain data: boxes, frames around them, edges, and panels, of which the first is the
 * network and the others open blocks that stand in it as one box. Nothing here knows where anything lies: `layout.ts` says it.
 */

/**
 * What a box stands for. A `join` is where a shortcut or several branches come together, a `tap` a value that comes from afar.
 */
export type BoxKind = 'input' | 'output' | 'layer' | 'join' | 'block' | 'tap';

export interface Box {
  /** Unique in the drawing. */
  readonly id: string;
  readonly kind: BoxKind;
  /** What stands in it, a line each; the first says what it is. */
  readonly lines: readonly string[];
  /** Frame around it, by its id. */
  readonly frame?: string | undefined;
  /** Scope that it comes from, `layer1.0.conv1`; empty for what has none. */
  readonly path: string;
  /** Ids of the nodes of the graph that it stands for. */
  readonly nodes: readonly number[];
  /** A shortcut goes round what the box stands for, and is drawn beside it; with the layers that lie on it. */
  readonly bypass?: { readonly lines: readonly string[]; readonly join: string } | undefined;
  /** How many equal ones in a row it stands for. */
  readonly times?: number | undefined;
  /** The shape of what it gives, where it is another one than that of what it takes. */
  readonly shape?: string | undefined;
  /**
   * Its place in a panel that is a U: what goes down is at the left, what comes up at the right, the outermost level is row 0.
   */
  readonly cell?: { readonly row: number; readonly column: 'left' | 'middle' | 'right' } | undefined;
  /** The panel that opens it. */
  readonly opens?: string | undefined;
}

export interface Frame {
  readonly id: string;
  readonly parent?: string | undefined;
  readonly title: string;
  /** How many equal ones in a row it stands for. */
  readonly times?: number | undefined;
}

export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly shortcut: boolean;
  /** What lies on it and has no box, and the shape behind that. */
  readonly lines?: readonly string[];
}

export interface Panel {
  /** Empty for the network itself, a letter for a block. */
  readonly id: string;
  readonly title: string;
  readonly boxes: readonly Box[];
  readonly frames: readonly Frame[];
  readonly edges: readonly Edge[];
}

export interface Drawing {
  readonly name: string;
  readonly panels: readonly Panel[];
}
