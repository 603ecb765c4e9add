import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { noticeId } from '../../../../src/lib/notices/outbox.ts';
import { createSignedTarget } from '../../../../src/lib/notices/webhooks.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';
import { noticeOf } from '../../../support/notices.ts';

const secretOf = (letter: string, bytes = 24): string => `whsec_${Buffer.alloc(bytes, letter).toString('base64')}`;
const tenantId = parseTenantId('00000000-0000-4000-8000-000000000001')!;
const notice = noticeOf('a.b', {
  tenantId,
  tenantName: 'Größe',
  title: 'Größe „x“ failed.',
  link: 'https://broker.example/#/runs/a',
});

/** The package refuses timestamps that are not of now. */
function stage(secrets = secretOf('a'), answer: () => Scripted = () => new Response(null, { status: 204 })) {
  const clock = new FakeClock(Date.now());
  const { fetch, seen } = scriptedFetch(answer);
  const settings = {
    address: new Secret('https://events.example/in?key=1'),
    secrets: new Secret(secrets),
    source: 'https://broker.example',
  };
  return { clock, seen, target: createSignedTarget({ fetch, clock }, settings) };
}

const verified = (secret: string, { body = '', headers }: SeenRequest): unknown =>
  new Webhook(secret).verify(body, Object.fromEntries(headers));

test('sends a CloudEvent in structured mode, whose signature the package of Standard Webhooks verifies', async () => {
  const { target, seen } = stage();
  expect(await target.send(notice)).toEqual({ is: 'delivered' });
  const [request] = seen;
  expect(request?.method).toBe('POST');
  expect(request?.headers.get('content-type')).toBe('application/cloudevents+json');
  expect(request?.headers.get('webhook-id')).toBe(noticeId(notice));
  expect(verified(secretOf('a'), request!)).toEqual({
    specversion: '1.0',
    id: noticeId(notice),
    source: 'https://broker.example',
    type: 'partner-token-broker.run.failed',
    time: '2026-11-24T00:00:00.000Z',
    subject: tenantId,
    datacontenttype: 'application/json',
    data: {
      kind: 'run.failed',
      severity: 'critical',
      tenantId,
      tenantName: 'Größe',
      title: 'Größe „x“ failed.',
      text: 'Look at it.',
      facts: [],
      link: 'https://broker.example/#/runs/a',
    },
  });
});

test('says nothing of a tenant and a page that the notice does not have', async () => {
  const { target, seen } = stage();
  await target.send(noticeOf('a'));
  const event = verified(secretOf('a'), seen[0]!) as { data: object };
  expect(Object.keys(event)).not.toContain('subject');
  expect(Object.keys(event.data)).toEqual(['kind', 'severity', 'title', 'text', 'facts']);
});

test('has the same id and body on every try, and a new timestamp', async () => {
  const { target, seen, clock } = stage(secretOf('a'), () => new Response(null, { status: 500 }));
  await target.send(notice);
  await clock.advance(2_000);
  await target.send(notice);
  const [first, second] = seen;
  expect(second?.body).toBe(first?.body);
  expect(second?.headers.get('webhook-id')).toBe(first?.headers.get('webhook-id'));
  const times = seen.map(({ headers }) => Number(headers.get('webhook-timestamp')));
  expect(times[1]! - times[0]!).toBe(2);
  verified(secretOf('a'), second!);
});

test('signs with both secrets during a rotation', async () => {
  const { target, seen } = stage(`${secretOf('a')} ${secretOf('b', 64)}`);
  await target.send(notice);
  verified(secretOf('a'), seen[0]!);
  verified(secretOf('b', 64), seen[0]!);
  expect(() => verified(secretOf('c'), seen[0]!)).toThrow(WebhookVerificationError);
});

test('a changed body is found', async () => {
  const { target, seen } = stage();
  await target.send(notice);
  const forged = { ...seen[0]!, body: seen[0]!.body?.replace('failed', 'worked') };
  expect(() => verified(secretOf('a'), forged)).toThrow(WebhookVerificationError);
});

test('an id has no dot and no text of the notice', () => {
  expect(noticeId(notice)).toMatch(/^[0-9a-f]{32}$/);
  expect(noticeId(noticeOf('a'))).not.toBe(noticeId(noticeOf('b')));
});

describe('an unusable setting', () => {
  const make = (address: string, secrets?: string) => () =>
    createSignedTarget(
      { fetch: () => Promise.reject(new Error('unused')), clock: new FakeClock() },
      { address: new Secret(address), secrets: secrets === undefined ? undefined : new Secret(secrets), source: 'x' },
    );
  const good = 'https://events.example';

  test.each([
    ['http://events.example', secretOf('a'), 'NOTIFICATION_SIGNED_WEBHOOK: is not an https address.'],
    ['@Microsoft.KeyVault(SecretUri=x)', secretOf('a'), expect.stringMatching(/WEBHOOK: the Key Vault reference/)],
    [good, undefined, 'NOTIFICATION_SIGNING_SECRET: is missing. The signed webhook needs it.'],
    [good, '@Microsoft.KeyVault(SecretUri=x y)', expect.stringMatching(/SECRET: the Key Vault reference/)],
    [good, 'hunter2', expect.stringMatching(/^NOTIFICATION_SIGNING_SECRET: secret 1 is not whsec_/)],
    [good, secretOf('a', 23), expect.stringMatching(/secret 1 is not/)],
    [good, secretOf('a', 65), expect.stringMatching(/secret 1 is not/)],
    [good, `${secretOf('a').slice(0, -1)}!`, expect.stringMatching(/secret 1 is not/)],
    [good, secretOf('a').replace('whsec_', 'secret'), expect.stringMatching(/secret 1 is not/)],
    [good, `${secretOf('a')} whsec_!!!!`, expect.stringMatching(/secret 2 is not/)],
    [good, [1, 2, 3].map(() => secretOf('a')).join(' '), expect.stringMatching(/more than two secrets/)],
  ])('%s with %s is refused without being quoted', (address, secrets, detail) => {
    const thrown = (() => {
      try {
        return make(address, secrets)();
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toMatchObject({ code: 'config_invalid', detail });
    expect(String(Reflect.get(thrown as object, 'detail'))).not.toMatch(/hunter2|events\.example|YWFh/);
  });

  test.each(['http://127.0.0.1:7071/x', good])('%s is accepted', (address) => {
    const made = make(address, ` ${secretOf('a', 64)}  ${secretOf('b')} `)();
    expect([made.name, made.bundles]).toEqual(['webhook', false]);
  });
});
