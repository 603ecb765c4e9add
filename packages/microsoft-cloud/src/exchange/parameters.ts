import { missingParameter, wrongValue } from './exchange-error.ts';

/** The parameters of a cmdlet. Names are read without regard to case. */
export interface Parameters {
  readonly names: readonly string[];
  has(name: string): boolean;
  /** The value, whatever it is. Undefined if the parameter is missing. */
  value(name: string): unknown;
  /** A text. Undefined if the parameter is missing, empty or null. @throws ExchangeError for another type. */
  text(name: string): string | undefined;
  /** @throws ExchangeError if the text is missing. */
  required(name: string): string;
  /** @throws ExchangeError for anything but true and false. */
  flag(name: string): boolean | undefined;
  /** One text or several. @throws ExchangeError for another type. */
  texts(name: string): readonly string[];
}

export function readParameters(input: Readonly<Record<string, unknown>>): Parameters {
  const values = new Map(Object.entries(input).map(([name, value]) => [name.toLowerCase(), value]));
  const value = (name: string): unknown => values.get(name.toLowerCase());
  const text = (name: string): string | undefined => {
    const found = value(name);
    if (found === undefined || found === null || found === '') return undefined;
    if (typeof found === 'string') return found;
    if (typeof found === 'number') return String(found);
    throw wrongValue(name, found, 'System.String');
  };
  return {
    names: Object.keys(input),
    has: (name) => values.has(name.toLowerCase()),
    value,
    text,
    required: (name) => {
      const found = text(name);
      if (found === undefined) throw missingParameter(name);
      return found;
    },
    flag: (name) => {
      const found = value(name);
      if (found === undefined || typeof found === 'boolean') return found;
      throw wrongValue(name, found, 'System.Boolean');
    },
    texts: (name) => {
      const found = value(name);
      if (found === undefined || found === null || found === '') return [];
      const list: readonly unknown[] = Array.isArray(found) ? found : [found];
      return list.map((each) => {
        if (typeof each !== 'string') throw wrongValue(name, each, 'System.String');
        return each;
      });
    },
  };
}
