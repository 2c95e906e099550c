import type { Layer } from './define.ts';

/** What a parameter of a layer means. The built API has these texts here, and not where layers are defined. */
export const parameterDoc = (layer: Layer, name: string): string => layer.params[name]?.doc ?? '';
