import { expect, it } from 'vitest';
import { approvalLines } from '../../../../src/cli/commands/approvals.ts';
import { viewApproval } from '../../../../src/lib/approvals/read-approvals.ts';
import { approval, askedAtMs, decision, person } from '../../../support/approval-records.ts';

const forged = 'Ticket 4711\nTenant  Test tenant\nYou may approve.';

it('no text of others starts a line of an approval', () => {
  const record = approval({
    reason: forged,
    subject: {
      ...approval().subject,
      facts: [{ name: 'Tenant', value: forged }],
      details: [
        { name: 'Header prefer', value: forged },
        { name: 'Body', value: `{\n "a": 1\n}\n${forged}\u202e` },
      ],
    },
    decisions: [decision(person(2), { reason: forged })],
  });
  const lines = approvalLines(viewApproval(record, askedAtMs, []));
  expect(lines.filter((line) => /^(?:Tenant {2}Test|You may)/.test(line))).toEqual([]);
  const body = lines.indexOf('Body');
  expect(lines.slice(body + 1, body + 4)).toEqual(['    {', '     "a": 1', '    }']);
  expect(lines.slice(body + 4, body + 7)).toEqual([
    '    Ticket 4711',
    '    Tenant  Test tenant',
    String.raw`    You may approve.\u202e`,
  ]);
});

it('says that an agent asked, of which blueprint and for whom', () => {
  const name = 'agent Billing for person-1@partner.example';
  const asker = person(1, { kind: 'agent', name, blueprint: 'b-1', actsFor: person(1).objectId });
  const view = viewApproval(approval({ asker }), askedAtMs, []);
  expect(view.asker).toMatchObject({ kind: 'agent', blueprint: 'b-1', actsFor: person(1).objectId });
  expect(approvalLines(view)[1]).toBe(`asked by  ${name} (agent ${person(1).objectId}, blueprint b-1)`);
});

it.each([
  [{}, 'pending  0 of 1  expires'],
  [{ status: 'approved', approvedAtMs: askedAtMs, validUntilMs: askedAtMs + 1 }, 'approved  0 of 1  once, until'],
  [{ status: 'used', use: { id: '', atMs: askedAtMs, answered: true } }, 'used  0 of 1  sent'],
  [{ status: 'used', use: { id: '', atMs: askedAtMs, answered: false } }, 'so it may have been done or not'],
] as const)('the first line of an approval says when it serves, or served (%#)', (more, expected) => {
  expect(approvalLines(viewApproval(approval(more), askedAtMs, []))[0]).toContain(expected);
});
