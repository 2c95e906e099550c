/** Words of the kinds of `catalogue/syntax.ts`, in a build. */
export const texts: Readonly<Record<string, unknown>> = {};
