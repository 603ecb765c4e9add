/** Inline route constraints of ASP.NET Core (Microsoft: "Routing in ASP.NET Core", table of route constraints). */

export type Constraint = (value: string) => boolean;

const guid = /^[{(]?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}[)}]?$/i;
const decimalNumber = /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)\s*$/;
const floatNumber = /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?\s*$/i;

const isInteger = (value: string, bits: bigint): boolean => {
  if (!/^\s*[+-]?\d+\s*$/.test(value)) return false;
  const number = BigInt(value.trim().replace(/^\+/, ''));
  const limit = 1n << (bits - 1n);
  return number >= -limit && number < limit;
};

const toNumber = (text: string | undefined, constraint: string): number => {
  const number = Number(text);
  if (text === undefined || text.trim() === '' || !Number.isInteger(number)) {
    throw new Error(`route constraint "${constraint}" needs a whole number`);
  }
  return number;
};

const factories: Record<string, (args: string[], text: string) => Constraint> = {
  int: () => (value) => isInteger(value, 32n),
  long: () => (value) => isInteger(value, 64n),
  bool: () => (value) => /^(?:true|false)$/i.test(value.trim()),
  guid: () => (value) => guid.test(value),
  decimal: () => (value) => decimalNumber.test(value),
  double: () => (value) => floatNumber.test(value),
  float: () => (value) => floatNumber.test(value),
  datetime: () => (value) => !Number.isNaN(Date.parse(value)),
  alpha: () => (value) => /^[a-z]*$/i.test(value),
  required: () => (value) => value !== '',
  minlength: ([min], text) => {
    const limit = toNumber(min, text);
    return (value) => value.length >= limit;
  },
  maxlength: ([max], text) => {
    const limit = toNumber(max, text);
    return (value) => value.length <= limit;
  },
  length: ([min, max], text) => {
    const [from, to] = [toNumber(min, text), toNumber(max ?? min, text)];
    return (value) => value.length >= from && value.length <= to;
  },
  min: ([min], text) => {
    const limit = toNumber(min, text);
    return (value) => isInteger(value, 64n) && Number(value) >= limit;
  },
  max: ([max], text) => {
    const limit = toNumber(max, text);
    return (value) => isInteger(value, 64n) && Number(value) <= limit;
  },
  range: ([min, max], text) => {
    const [from, to] = [toNumber(min, text), toNumber(max, text)];
    return (value) => isInteger(value, 64n) && Number(value) >= from && Number(value) <= to;
  },
};

/**
 * @param text the constraint as written in the template: `int`, `length(2,5)`, `regex(^a+$)`.
 * @throws Error for an unknown constraint or an invalid argument.
 */
export function parseConstraint(text: string): Constraint {
  const [, name = '', inner] = /^([a-z]+)(?:\((.*)\))?$/is.exec(text) ?? [];
  if (name.toLowerCase() === 'regex' && inner !== undefined) {
    // ASP.NET ignores case and culture, and does not anchor the pattern.
    const pattern = new RegExp(inner, 'i');
    return (value) => pattern.test(value);
  }
  const create = Object.hasOwn(factories, name.toLowerCase()) ? factories[name.toLowerCase()] : undefined;
  if (!create) throw new Error(`unknown route constraint "${text}"`);
  return create(inner === undefined ? [] : inner.split(','), text);
}
