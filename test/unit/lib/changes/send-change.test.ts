import { describe, expect, it } from 'vitest';
import { type Change, remove, removeReference, update } from '../../../../src/lib/changes/change.ts';
import { answerOf, sendChange, type Sending } from '../../../../src/lib/changes/send-change.ts';
import { parsePolicy } from '../../../../src/lib/access/policy/parse-policy.ts';
import { portal } from '../gateway/send/stage.ts';
import { tenantId } from '../runs/store/stage.ts';

const policy = '/policies/authorizationPolicy';
const group = '/groups/4f1b8a52-0c6e-4d3a-9a77-2f6f5f0a1c01/members';
const user = '4f1b8a52-0c6e-4d3a-9a77-2f6f5f0a1c02';
const change = update(policy, { allowInvites: false });
const reference: Change = { action: 'add-reference', path: group, id: user };
const act: Change = { action: 'act', path: `/users/${user}/revokeSignInSessions`, body: undefined };

const given = { isBrought: false, isCompared: false, nowMs: Date.UTC(2026, 10, 24) };

/** What an answer of Graph with this error says about the change. */
function says(
  of: Change,
  status: number,
  error: unknown = { code: 'Some_Code', message: 'Some words.' },
  more: Partial<typeof given> & { headers?: Readonly<Record<string, string>> } = {},
) {
  const { headers = {}, ...rest } = more;
  return answerOf(of, { status, headers, body: Buffer.from(JSON.stringify({ error })) }, { ...given, ...rest });
}

describe('the answer to a change', () => {
  it.each([200, 201, 204, 299])('with %i was accepted, with the id of what it created', (status) => {
    const body = Buffer.from(JSON.stringify({ id: 'new' }));
    const accepted = { kind: 'accepted', createdId: 'new', confirmable: true };
    expect(answerOf(change, { status, headers: {}, body }, given)).toEqual(accepted);
    expect(answerOf(change, { status, headers: {}, body: Buffer.alloc(0) }, given)).toEqual({
      kind: 'accepted',
      confirmable: true,
    });
  });

  it('about an action can be confirmed by no read', () => {
    expect(says(act, 204)).toEqual({ kind: 'accepted', confirmable: false });
  });

  it.each<[Readonly<Record<string, string>>, number]>([
    [{ 'retry-after': '120' }, 120],
    [{ 'retry-after': 'Tue, 24 Nov 2026 00:01:30 GMT' }, 90],
    [{ 'retry-after': 'soon' }, 10],
    [{}, 10],
  ])('with 429 and %j is to be sent again after %i seconds', (headers, seconds) => {
    expect(says(change, 429, undefined, { headers })).toEqual({ kind: 'wait', seconds });
  });

  it.each([408, 500, 503])('with %i does not say whether the change was made', (status) => {
    expect(says(change, status)).toEqual({ kind: 'unknown' });
  });

  it.each([300, 400, 403, 404, 409, 499])('with %i refuses it, with the words of Microsoft', (status) => {
    expect(says(change, status)).toEqual({
      kind: 'refused',
      detail: `Microsoft refused it with ${status}. Some_Code Some words.`,
    });
  });

  it.each([[{}], ['text'], [{ message: 'Only words.' }]])('with the error %j refuses it with what it says', (error) => {
    const words = typeof error === 'object' && 'message' in error ? ' Only words.' : '';
    expect(says(change, 403, error)).toEqual({ kind: 'refused', detail: `Microsoft refused it with 403.${words}` });
  });

  it('that is no JSON refuses it with the status alone', () => {
    const body = Buffer.from('<html>');
    expect(answerOf(change, { status: 403, headers: {}, body }, given)).toEqual({
      kind: 'refused',
      detail: 'Microsoft refused it with 403.',
    });
  });

  it('says that a reference is there already, and of another change or failure it does not', () => {
    const exists = { message: 'One or more added object references already exist.' };
    expect(says(reference, 400, exists)).toEqual({ kind: 'already' });
    expect(says(reference, 403, exists).kind).toBe('refused');
    expect(says(reference, 400).kind).toBe('refused');
    expect(says(change, 400, exists).kind).toBe('refused');
  });

  it('says that what is to be removed is gone already', () => {
    expect(says(remove(`/groups/${user}`), 404)).toEqual({ kind: 'already' });
    expect(says(removeReference(group, user), 404)).toEqual({ kind: 'already' });
    expect(says(removeReference(group, user), 403).kind).toBe('refused');
    expect(says(reference, 404).kind).toBe('refused');
  });

  it('says that somebody changed the object at the same time', () => {
    const drifted = { kind: 'drifted', detail: 'The object was changed at the same time.' };
    expect(says(change, 412)).toEqual(drifted);
    expect(says(change, 409, undefined, { isCompared: true })).toEqual(drifted);
    expect(says(change, 409).kind).toBe('refused');
    expect(says(change, 403, undefined, { isCompared: true }).kind).toBe('refused');
  });

  it.each([
    [404, 'Some words.'],
    [400, 'The object does not exist.'],
    [400, 'Resource not found for the segment.'],
    [400, 'It could not be found.'],
    [400, '1040: the named location is not there.'],
  ])('with %i and "%s" says that an object is missing, if it was brought just before', (status, message) => {
    expect(says(change, status, { message }, { isBrought: true })).toEqual({
      kind: 'missing',
      detail: `Microsoft refused it with ${status}. ${message}`,
    });
    expect(says(change, status, { message }).kind).toBe('refused');
  });

  it.each([
    [400, 'The number 10401 is wrong.'],
    [403, 'It does not exist.'],
  ])('with %i and "%s" refuses it, also after an object was brought', (status, message) => {
    expect(says(change, status, { message }, { isBrought: true }).kind).toBe('refused');
  });
});

describe('a cmdlet', () => {
  const cmdlet = { name: 'Set-Mailbox', parameters: ['Identity', 'ForwardingSmtpAddress'] };
  /** What keeps the cmdlet from being sent. */
  async function refusal(permissions: readonly string[], protect?: readonly string[]): Promise<unknown> {
    const rule = {
      name: 'adjusts',
      callers: { applications: [portal.applicationId] },
      tenants: ['*'],
      changes: ['adjust'],
      ...(protect && { protect }),
    };
    const parsed = parsePolicy(JSON.stringify({ version: 1, rules: [rule] }));
    if (!parsed.ok) throw new Error(parsed.problems.join(' '));
    const sending = {
      rule: parsed.policy.rules[0],
      job: { permissions, application: 'default' },
      tenant: { tenantId: tenantId(0), name: 'Contoso' },
      // It is refused before anything else is looked at.
      gateway: {},
    } as unknown as Sending;
    const request = { resource: 'exchange', method: 'POST', path: '/InvokeCommand', body: {}, cmdlet } as const;
    return sendChange(sending, request, () => Promise.reject(new Error('not claimed'))).catch((thrown) => thrown);
  }

  it('of a job that does not declare the permission of Exchange is refused', async () => {
    const detail = 'The job does not declare the permission Exchange.Manage.';
    expect(await refusal(['User.ReadWrite.All'])).toMatchObject({ code: 'caller_forbidden', detail });
  });

  it('under a rule that protects users is refused, because it does not show whom it changes', async () => {
    expect(await refusal(['Exchange.Manage'], ['administrators'])).toMatchObject({
      code: 'caller_forbidden',
      detail: expect.stringContaining('protects nobody') as string,
    });
    expect(await refusal(['Exchange.Manage'])).toBeInstanceOf(TypeError);
  });
});
