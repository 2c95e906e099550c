/** Words of the kinds of `catalogue/names.ts`, `values.ts`, `shapes.ts` and `structure.ts`, in a build. */
export const texts: Readonly<Record<string, unknown>> = {};
