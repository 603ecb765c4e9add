import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { toRow } from '../../../../../src/lib/audit/log/audit-row.ts';
import { type LinkedRows, RecordChain } from '../../../../../src/lib/audit/log/table-audit-log.ts';
import { auditStartMs, guid, issued } from '../../../../support/audit-entries.ts';

const hour = 3_600_000;
const sha = (text: string): string => createHash('sha256').update(text).digest('base64url');
const rows = (count: number) => Array.from({ length: count }, (_, index) => toRow(issued(), guid(index)));

function chainOf() {
  let ids = 0;
  const chain = new RecordChain(() => guid((ids += 1)));
  return (count: number, nowMs = auditStartMs): LinkedRows => chain.link(rows(count), nowMs);
}

/** id, place, settled and previous of each record, and the ranges that it says are lost. */
const links = ({ texts }: LinkedRows) =>
  texts.map((text) => {
    const { chain, chainLost } = JSON.parse(text) as { chain: string; chainLost?: string };
    return chainLost === undefined ? chain : `${chain} ${chainLost}`;
  });

describe('RecordChain', () => {
  it('gives records their places and the hash of the record before, in the form of RFC 8785', () => {
    const link = chainOf();
    const [one = '', two = ''] = link(2).texts;
    const [three = ''] = link(1).texts;
    expect(Object.keys(JSON.parse(two) as object)).toEqual(Object.keys(JSON.parse(two) as object).toSorted());
    expect([one, two, three].map((text) => (JSON.parse(text) as { chain: string }).chain)).toEqual([
      `${guid(1)}.1.0.`,
      `${guid(1)}.2.0.${sha(one)}`,
      `${guid(1)}.3.0.${sha(two)}`,
    ]);
  });

  it('says up to which place all writes are settled, and not beyond one that is not', () => {
    const link = chainOf();
    const [first, second, third] = [link(2), link(2), link(1)];
    second.settle(true);
    expect(links(link(1))[0]).toMatch(/\.6\.0\./);
    first.settle(true);
    expect(links(link(1))[0]).toMatch(/\.7\.4\./);
    third.settle(true);
    expect(links(link(1))[0]).toMatch(/\.8\.5\./);
  });

  it('announces a failed write until a durable record has announced it', () => {
    const link = chainOf();
    const [first, second] = [link(1), link(2)];
    first.settle(true);
    second.settle(false);
    const lost = `2-3.${sha(first.texts[0] ?? '')}`;
    const third = link(2);
    expect(links(third).map((text) => text.includes(lost))).toEqual([true, false]);
    expect(links(third)[0]).toMatch(/\.4\.3\./);
    // Nobody knows yet whether the announcement is durable.
    const fourth = link(1);
    expect(links(fourth)[0]).toContain(lost);
    third.settle(false);
    expect(links(link(1))[0]).toMatch(new RegExp(` 2-5\\.`));
    fourth.settle(true);
  });

  it('joins failed writes that follow each other, and keeps the column short when many fail', () => {
    const link = chainOf();
    const joined = [link(1), link(1), link(1)];
    for (const write of joined) write.settle(false);
    expect(links(link(1))[0]).toMatch(/ 1-3\.$/);
    for (let pair = 0; pair < 500; pair += 1) {
      link(1).settle(false);
      link(1);
    }
    expect((links(link(1))[0] ?? '').length).toBeLessThan(32_000);
  });

  it('starts a new chain after an hour without records', () => {
    const link = chainOf();
    const old = link(1);
    expect(links(link(1, auditStartMs + hour))[0]).toMatch(/\.2\.0\./);
    expect(links(link(1, auditStartMs + 2 * hour + 1))).toEqual([`${guid(2)}.1.0.`]);
    // A write of the old chain that ends now is nothing to the new one.
    old.settle(false);
    expect(links(link(1, auditStartMs + 2 * hour + 2))[0]).not.toContain(' ');
  });
});
