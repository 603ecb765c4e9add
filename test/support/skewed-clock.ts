/** The environment in which the clock of a Node.js process is shifted. */
export function skewedClock(skewMs: number): Readonly<Record<string, string>> {
  if (skewMs === 0) return {};
  const code = `const Real = Date, shift = ${skewMs};
globalThis.Date = class Date extends Real {
  constructor(...args) { args.length > 0 ? super(...args) : super(Real.now() + shift); }
  static now() { return Real.now() + shift; }
};`;
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(code)}` };
}
