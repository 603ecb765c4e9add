import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  duplicateKey,
  JsonTextError,
  nestingDepth,
  parseSteps,
  scanJson,
  scanSteps,
  stringAt,
} from '../../../../src/lib/core/json.ts';

it.each<[string, string | undefined]>([
  ['{"a":1,"a":2}', 'a'],
  ['{"a":1,"\\u0061":2}', 'a'],
  ['{"a":{"b":[{"c":1,"c":2}]}}', 'c'],
  ['{"a":{"b":1},"c":[],"a":0}', 'a'],
  ['{"":1,"":2}', ''],
  ['{"a":"a","b":"a:a","c":["a","a"]}', undefined],
  ['{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}', undefined],
  ['{"a":"\\"a\\":1,\\"a\\":2"}', undefined],
  ['{"a\\"":1,"a":2,"a\\\\":3}', undefined],
  ['[["a"],"a",{"a":"}{"}]', undefined],
  ['"a"', undefined],
  ['{"__proto__":1,"constructor":2}', undefined],
])('returns the first duplicate key of %s', (json, expected) => {
  // Only valid JSON reaches the function.
  expect(() => JSON.parse(json)).not.toThrow();
  expect(duplicateKey(json)).toBe(expected);
});

it('finds no duplicate in JSON.stringify output, and finds an inserted one', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), (value, object) => {
      expect(duplicateKey(JSON.stringify(value, undefined, 1))).toBeUndefined();
      const [key] = Object.keys(object);
      const json = `${JSON.stringify([value, object]).slice(0, -2)},${JSON.stringify(key)}:null}]`;
      expect(duplicateKey(json)).toBe(key);
    }),
    { numRuns: 5_000, seed: 7 },
  );
});

it.each([
  ['1', 0],
  ['{}', 1],
  ['[]', 1],
  ['[[],[[]]]', 3],
  ['{"a":{"b":[1]},"c":{}}', 3],
  ['[{},{},{}]', 2],
  ['[1,[2],3,{"a":[]}]', 3],
  ['{"[[[":"]]]{{{"}', 1],
  [String.raw`["\"[[[",{}]`, 2],
])('%s is nested %i levels deep', (json, depth) => {
  expect(nestingDepth(json)).toBe(depth);
});

describe('scanJson', () => {
  /** Builds the value from the tokens, as JSON.parse would. */
  const built = (json: string, depth = Number.POSITIVE_INFINITY): unknown => {
    const open: { readonly value: unknown[] | Map<string, unknown>; name: string }[] = [];
    let whole: unknown;
    const add = (value: unknown): void => {
      const level = open.at(-1);
      if (level === undefined) whole = value;
      else if (Array.isArray(level.value)) level.value.push(value);
      else level.value.set(level.name, value);
    };
    scanJson(
      json,
      (token, from, to) => {
        const level = open.at(-1);
        const text = json.slice(from, to);
        if (token === '{' || token === '[') open.push({ value: token === '{' ? new Map() : [], name: '' });
        else if (token === '}' || token === ']') {
          open.pop();
          add(Array.isArray(level?.value) ? level.value : Object.fromEntries(level?.value ?? []));
        } else if (token === 'name' && level !== undefined) level.name = stringAt(json, from, to);
        else add(token === 'string' ? stringAt(json, from, to) : JSON.parse(text));
      },
      { depth },
    );
    return whole;
  };
  const parsed = (json: string): { readonly value: unknown } | undefined => {
    try {
      return { value: JSON.parse(json) };
    } catch {
      return undefined;
    }
  };
  const scanned = (json: string): { readonly value: unknown } | undefined => {
    try {
      return { value: built(json) };
    } catch (error) {
      if (error instanceof JsonTextError) return undefined;
      throw error;
    }
  };

  it('tells what JSON.parse reads', () => {
    const space = fc.constantFrom(undefined, 1, '\t', '\n \r');
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), space, (value, indent) => {
        const json = JSON.stringify(value, undefined, indent);
        expect(scanned(json)).toEqual(parsed(json));
      }),
      { numRuns: 2_000, seed: 7 },
    );
  });

  it('accepts exactly what JSON.parse accepts', () => {
    const signs = fc.constantFrom(
      ...'{}[]:,"\\/bu0041ntrue-.eE1 \n\t\u0001\u007f\u00a0\ufeff',
      'null',
      'false',
      '"a":',
      '[]',
      '{}',
      '\\ud83d',
      '\\u12',
      '01',
      '1e5',
      '""',
    );
    fc.assert(
      fc.property(fc.array(signs, { maxLength: 10 }), (parts) => {
        const json = parts.join('');
        expect(scanned(json)).toEqual(parsed(json));
      }),
      { numRuns: 20_000, seed: 7 },
    );
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), fc.nat(), signs, (given, at, sign) => {
        const json = `${given.slice(0, at % given.length)}${sign}${given.slice((at % given.length) + (at % 2))}`;
        expect(scanned(json)).toEqual(parsed(json));
      }),
      { numRuns: 10_000, seed: 7 },
    );
  });

  it('stops at the number of values that is given, and reads no further', () => {
    const visited = (json: string, values: number): number => {
      let tokens = 0;
      expect(() => scanJson(json, () => (tokens += 1), { values })).toThrow(
        expect.objectContaining({ name: 'JsonTextError', exceeds: 'values' }),
      );
      return tokens;
    };
    expect(() => scanJson('[1,{"a":2}]', () => undefined, { values: 4 })).not.toThrow();
    expect(visited('[1,{"a":2}]', 3)).toBe(4);
    expect(visited(`[${'1,'.repeat(1_000_000)}1]`, 100)).toBe(100);
  });

  it('reads texts of any depth, and stops at the depth that is given', () => {
    const nested = (depth: number): string => `${'[{"a":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}`;
    expect(nestingDepth(nested(200_000))).toBe(200_000);
    expect(() => built(nested(4), 4)).not.toThrow();
    expect(() => built(nested(4), 3)).toThrow(JsonTextError);
    expect(() => built('[[[]]]', 3)).not.toThrow();
    expect(() => built('[[[]]]', 2)).toThrow(JsonTextError);
    expect(() => built('['.repeat(200_000), 64)).toThrow(/nested too deeply/);
  });
});

describe('parseSteps', () => {
  const parsed = (json: string) => {
    const steps = parseSteps(json);
    let count = 0;
    for (;;) {
      const { done, value } = steps.next();
      if (done === true) return { value, count };
      count += 1;
    }
  };

  it('gives what JSON.parse gives, of long texts in steps', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (json) => {
        const long = `[${json},"${'a'.repeat(210_000)}",{"__proto__":${json},"a":1,"a":2}]`;
        const { value, count } = parsed(long);
        expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(long)));
        expect(count).toBeGreaterThan(0);
        expect(parsed(json)).toEqual({ value: JSON.parse(json), count: 0 });
      }),
      { numRuns: 30 },
    );
  });

  it('builds few values in a step, however short they are', () => {
    for (const value of ['1', '{}', '""', '[]', '{"a":1}']) {
      const { count } = parsed(`[${`${value},`.repeat(200_000)}1]`);
      expect(count).toBeGreaterThan(20);
    }
  });

  it('refuses a long text with an object of very many members, very many values, or very many levels', () => {
    const members = (count: number) =>
      `{${Array.from({ length: count }, (_, at) => `"name${at}":1000000000`).join(',')}}`;
    expect(Object.keys(parsed(members(10_000)).value as object)).toHaveLength(10_000);
    expect(() => parsed(members(10_001))).toThrow('too many members');
    expect(() => parsed(`[${'1,'.repeat(2_000_000)}1]`)).toThrow('too many values');
    expect(() => parsed('['.repeat(200_001))).toThrow('too deeply');
  });

  it('gives no object another prototype', () => {
    const { value } = parsed(`{"__proto__":{"polluted":1},"a":"${'a'.repeat(210_000)}"}`);
    expect((value as { polluted?: number }).polluted).toBeUndefined();
  });

  it.each(['[1', '{"a":1,}', `"${'a'.repeat(300_000)}`, `["${'a'.repeat(300_000)}"] x`])(
    'refuses other texts (%#)',
    (json) => {
      expect(() => parsed(json)).toThrow();
    },
  );
});

it('a long string is read in steps, also one of escapes', () => {
  for (const string of ['a'.repeat(1_000_000), '\\u0061'.repeat(200_000), '\\"'.repeat(500_000)]) {
    const found: number[] = [];
    const steps = [...scanSteps(`{"${string}":"${string}"}`, (_, from, to) => void found.push(to - from))];
    expect(steps.length).toBeGreaterThan(8);
    expect(found).toEqual([1, string.length + 2, string.length + 2, 1]);
  }
});
