import { expect, it } from 'vitest';
import {
  decodeLedger,
  emptyLedger,
  encodeLedger,
  type Ledger,
  noDemand,
} from '../../../../../src/lib/microsoft/budgets/ledger.ts';

const ledger: Ledger = {
  members: { a: 3, b: 1 },
  budgets: {
    entra: {
      a: { share: 8, interactive: 1.5, background: 3.25 },
      b: { ...noDemand, share: 0 },
    },
  },
  pauses: { 'graph x': 12_000 },
};

it('a ledger is what it was after it was stored', () => {
  expect(decodeLedger(encodeLedger(ledger))).toEqual(ledger);
});

it('a member that wants and holds nothing costs one character', () => {
  expect(JSON.parse(encodeLedger(ledger))).toEqual({
    v: 1,
    m: { a: 3, b: 1 },
    b: { entra: { a: [8, 1.5, 0, 3.25, 0], b: 0 } },
    p: { 'graph x': 12_000 },
  });
  for (const more of [{ share: 0.5 }, { interactive: 0.5 }, { background: 0.5 }]) {
    const entry = { ...noDemand, share: 0, ...more };
    const stored = { ...ledger, budgets: { entra: { a: entry } } };
    expect(decodeLedger(encodeLedger(stored))).toEqual(stored);
  }
});

it('a share is rounded down, so that the parts never exceed the whole, and a demand to the nearest', () => {
  const entry = { share: 2.6666, interactive: 1.006, background: 0.004 };
  const { budgets } = decodeLedger(encodeLedger({ ...ledger, budgets: { entra: { a: entry } } }));
  expect(budgets['entra']?.['a']).toEqual({ ...entry, share: 2.66, interactive: 1.01, background: 0 });
});

it.each([760, 9_999])('a ledger has that an instance agrees to %i, also if it wants and holds nothing', (agreesTo) => {
  const entry = { ...noDemand, share: 0, agreesTo };
  const stored = { ...ledger, budgets: { entra: { a: entry } } };
  expect(decodeLedger(encodeLedger(stored))).toEqual(stored);
});

it('a member that wants nothing and agrees to any total costs one character, which earlier versions read as nothing', () => {
  const entry = { ...noDemand, share: 0, agreesTo: 9_999 };
  expect(JSON.parse(encodeLedger({ ...ledger, budgets: { x: { a: entry } } }))).toMatchObject({ b: { x: { a: 1 } } });
});

it('the number of runs in a ledger of an earlier version is below every larger total', () => {
  expect(decodeLedger('{"v":1,"m":{"a":3},"b":{"entra":{"a":[8,1.5,2,3.25,1]}},"p":{}}').budgets).toEqual({
    entra: { a: { share: 8, interactive: 1.5, background: 3.25, agreesTo: 1 } },
  });
});

it.each(['', '{', '[]', 'null', '7', '{"m":{"a":1}}', '{"v":2,"m":{"a":1}}'])('%j is an empty ledger', (text) => {
  expect(decodeLedger(text)).toEqual(emptyLedger);
});

it('parts that no version wrote count for nothing', () => {
  expect(decodeLedger('{"v":1,"m":7,"b":{"x":3,"entra":{"a":[-1,"x",null,1e999],"b":5}},"p":[1]}')).toEqual({
    members: {},
    budgets: { x: {}, entra: { a: { ...noDemand, share: 0 }, b: { ...noDemand, share: 0 } } },
    pauses: {},
  });
});
