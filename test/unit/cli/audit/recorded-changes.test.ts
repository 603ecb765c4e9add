import { describe, expect, it } from 'vitest';
import { RecordedChanges } from '../../../../src/cli/audit/recorded-changes.ts';
import { plainLine } from '../../../../src/cli/line.ts';

const id = '11111111-0000-4000-8000-000000000001';
const sent = {
  at: '2026-11-24T10:00:00.000Z',
  outcome: 'sent',
  method: 'PATCH',
  path: '/v1.0/users/1',
  plan: 'ab',
  callerKind: 'user',
  callerObject: 'constructor',
};
const values = { action: 'update', target: `/users/${id}`, before: '{"city":"Rom"}', after: '{"city":"Bern"}' };
/** Of half a million characters. All texts are one, so they take no memory. */
const long = { ...values, before: JSON.stringify('x'.repeat(500_000)) };
const shown = (changes: RecordedChanges, names: Readonly<Record<string, string>> = {}): string =>
  changes
    .lines(names)
    .map((line) => plainLine(line))
    .join('\n');

describe('the changes of an extract', () => {
  it('name the caller as the file does, and an object as its values do, because anybody can add a name to a file', () => {
    const changes = new RecordedChanges();
    changes.add({ ...sent, changeSha256: 'a' }, 1);
    changes.add({ ...sent, changeSha256: 'b', callerObject: id.toUpperCase() }, 1);
    changes.addValues('a', values, true);
    changes.addValues('b', { ...values, target: '/x/constructor', after: '{"displayName":"Ann"}' }, true);
    const text = shown(changes, { [id]: 'Mallory' });
    expect(text).toContain(`~ /users/${id}  2026-11-24T10:00:00.000Z by constructor, no answer`);
    expect(text).toContain(`~ /x/constructor (Ann)  2026-11-24T10:00:00.000Z by Mallory (${id.toUpperCase()}), no`);
  });

  it('are listed without their values when the file has too many, and say so', () => {
    const changes = new RecordedChanges();
    for (let at = 0; at < 250; at += 1) changes.addValues(`${at}`, long, true);
    for (const changeSha256 of ['gone', 'later', '1', 'edited']) changes.add({ ...sent, changeSha256 }, 1);
    changes.addValues('gone', 'gone', true);
    changes.addValues('edited', 'changed', true);
    changes.addValues('later', values, true);
    expect(changes.view().map((change) => change.values)).toEqual(['gone', 'too many', 'proven', 'changed']);
    expect(shown(changes)).toContain(
      'somebody changed or deleted the values in storage since: plan with the digest ab',
    );
    const [, gone, , later] = shown(changes).split('\n').slice(2);
    expect(gone).toContain('nobody signs, that the plan was purged or deleted since');
    expect(later).toContain('more values than');
  });

  it('lose nothing that is proven to what somebody has added', () => {
    const changes = new RecordedChanges();
    for (let at = 0; at < 250; at += 1) changes.addValues(`${at}`, long, false);
    for (let at = 0; at < 10_001; at += 1) changes.add({ ...sent, changeSha256: 'a' }, undefined);
    changes.add({ ...sent, changeSha256: 'a' }, 1);
    changes.addValues('a', values, true);
    const [proven, unproven] = shown(changes).split('Changes whose records no checkpoint covers');
    expect(proven).toContain('city: Rom -> Bern');
    expect(proven).not.toContain('more');
    expect(unproven).toContain('… and 9951 more');
  });
});
