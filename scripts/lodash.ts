/**
 * What Chevrotain asks of lodash, and no more of it than that: functions as iteratees, arrays and plain objects.
 * `scripts/build.ts` puts it in lodash's place, which is three times the size; a test compares the parser that is built with the
 * one of the sources.
 */
type Things = ArrayLike<unknown> | Readonly<Record<string, unknown>> | null | undefined;
type Iteratee = (value: unknown, key: unknown) => unknown;

export const { isArray } = Array;
export const { assign } = Object;
export const identity = (value: unknown): unknown => value;
export const noop = (): void => undefined;
export const isUndefined = (value: unknown): boolean => value === undefined;
export const isString = (value: unknown): boolean => typeof value === 'string';
export const isFunction = (value: unknown): boolean => typeof value === 'function';
export const isRegExp = (value: unknown): boolean => value instanceof RegExp;
export const isObject = (value: unknown): boolean => (typeof value === 'object' && value !== null) || isFunction(value);

export const keys = (of: Things): string[] => Object.keys(of ?? {});
export const values = (of: Things): unknown[] => Object.values(of ?? {});
export const has = (of: unknown, key: string): boolean => of !== null && of !== undefined && Object.hasOwn(of, key);
export const isEmpty = (of: Things): boolean => keys(of).length === 0;
export const clone = (of: object): unknown => (Array.isArray(of) ? of.slice() : { ...of });

const entries = (of: Things): [unknown, unknown][] =>
  Array.isArray(of) ? Array.from(of, (value: unknown, i) => [i, value]) : Object.entries(of ?? {});

/** Ends where the function says `false`. */
export function forEach(of: Things, visit: Iteratee): void {
  for (const [key, value] of entries(of)) if (visit(value, key) === false) return;
}
export const map = (of: Things, by: Iteratee): unknown[] => entries(of).map(([key, value]) => by(value, key));
export const flatMap = (of: Things, by: Iteratee): unknown[] => map(of, by).flat();
export const filter = (of: Things, by: Iteratee): unknown[] =>
  entries(of).flatMap(([key, value]) => (by(value, key) ? [value] : []));
export const reject = (of: Things, by: Iteratee): unknown[] => filter(of, (value, key) => !by(value, key));
export const find = (of: Things, by: Iteratee): unknown => entries(of).find(([key, value]) => by(value, key))?.[1];
export const some = (of: Things, by: Iteratee): boolean => entries(of).some(([key, value]) => by(value, key));
export const every = (of: Things, by: Iteratee): boolean => entries(of).every(([key, value]) => by(value, key));
export const reduce = <T>(of: Things, by: (sum: T, value: unknown, key: unknown) => T, start: T): T =>
  entries(of).reduce((sum, [key, value]) => by(sum, value, key), start);
export const pickBy = (of: Things, by: Iteratee): object =>
  Object.fromEntries(Object.entries(of ?? {}).filter(([key, value]) => by(value, key)));

export function groupBy(of: Things, by: Iteratee): object {
  const groups: Record<string, unknown[]> = {};
  for (const [key, value] of entries(of)) {
    const name = String(by(value, key));
    groups[name] = [...(groups[name] ?? []), value];
  }
  return groups;
}

type List = readonly unknown[] | null | undefined;
export const includes = (of: Things, value: unknown): boolean => values(of).includes(value);
export const indexOf = (of: List, value: unknown): number => (of ?? []).indexOf(value);
export const first = (of: List): unknown => of?.[0];
export const last = (of: List): unknown => of?.at(-1);
export const drop = (of: List, count = 1): unknown[] => (of ?? []).slice(count);
export const dropRight = (of: List, count = 1): unknown[] => (of ?? []).slice(0, Math.max(0, (of ?? []).length - count));
export const compact = (of: List): unknown[] => (of ?? []).filter(Boolean);
export const flatten = (of: List): unknown[] => (of ?? []).flat();
export const uniq = (of: List): unknown[] => [...new Set(of)];
export const difference = (of: List, without: List): unknown[] => (of ?? []).filter((value) => !without?.includes(value));
export function defaults(of: Record<string, unknown>, by: Readonly<Record<string, unknown>>): object {
  for (const [key, value] of Object.entries(by)) if (of[key] === undefined) of[key] = value;
  return of;
}
export const upperFirst = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);
