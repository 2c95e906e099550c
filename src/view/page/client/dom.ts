/** Elements are made by calls and text is set as text, so that no name of a model is ever read as markup. */

type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

function filled<E extends Element>(element: E, attributes: Attributes, children: readonly (Node | string)[]): E {
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : String(value));
  element.append(...children);
  return element;
}

export function html<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children);
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

/** `4.089 G`: four digits and a power of a thousand. */
export function metric(n: number | null): string {
  if (n === null) return 'unknown';
  const units = ['', ' k', ' M', ' G', ' T', ' P'];
  let power = 0;
  let rest = n;
  while (Math.abs(rest) >= 999.95 && power < units.length - 1) {
    rest /= 1000;
    power++;
  }
  return power === 0 ? String(n) : `${rest.toPrecision(4)}${units[power] ?? ''}`;
}

export const grouped = (n: number | null): string => (n === null ? 'unknown' : String(n).replace(/\B(?=(\d{3})+$)/g, '\u202f'));

export const number = (x: number): string =>
  Number.isInteger(x) && Math.abs(x) < 1e6
    ? String(x)
    : Math.abs(x) >= 1e-3 && Math.abs(x) < 1e6
      ? x.toPrecision(4)
      : x.toExponential(2);
