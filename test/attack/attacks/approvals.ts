import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { type Attack, control } from '../attack.ts';
import { attacker, victim } from '../forge.ts';
import type { Host, Stage } from '../stage.ts';

const rule = (name: string, application: string, tenant: string, more: object) => ({
  name,
  callers: { applications: [application] },
  tenants: [tenant],
  resources: ['graph'],
  scopes: ['User.ReadWrite.All'],
  via: ['gateway'],
  ...more,
});

/** A host on which the attacker may only ask to change users, and the victim may read them in emergencies. */
async function startHost(stage: Stage, settings: Readonly<Record<string, string>> = {}) {
  const [tenant] = stage.tenants;
  control(tenant !== undefined, 'there is no customer');
  const rules = [
    rule('asks', attacker, tenant.tenantId, {
      approval: {},
      requests: { methods: ['PATCH'], paths: ['/v1.0/users/*'] },
    }),
    rule('emergencies', victim, tenant.tenantId, { breakGlass: true, requests: { methods: ['GET'] } }),
  ];
  const host = await stage.startHost({ policy: { version: 1, rules }, settings });
  const bearer = (application: string) => ({
    authorization: stage.forge.bearer({ application, roles: ['Requests.Send'] }),
  });
  const change = (user: string, body: object) =>
    host.ask({
      method: 'PATCH',
      path: `/api/gateway/${tenant.tenantId}/graph/v1.0/users/${user}`,
      headers: { ...bearer(attacker), 'x-reason': 'Ticket 4711 of today' },
      body,
    });
  const emergency = () =>
    host.ask({
      path: `/api/gateway/${tenant.tenantId}/graph/v1.0/users?$top=1&$select=id`,
      headers: { ...bearer(victim), 'x-reason': 'An attack is under way', 'x-break-glass': 'true' },
    });
  return { host, bearer, change, emergency };
}

/** What would hide what is decided if everything (no JWT: `leaks` searches all answers for these) that looks like a secret were left out. */
const disguised = ['smtp:assertion=attacker@evil.example', `${'aaa1Q~'.repeat(6)}.evil.example`];

/** Characters that people do not see, or take for a blank. */
const unseen = ['\u00a0', '\u00ad', '\u200b', '\u2007', '\u2061', '\u2800', '\u3164', '\ue000', '\u{e0041}'];

export const hiddenValues: Attack = {
  name: 'hidden-values',
  tries: 'values that the people who approve a change do not see',
  promise: 'Text from outside stays text.',
  run: async (stage, _options, tally) => {
    const { host, bearer, change } = await startHost(stage);
    for (const [index, value] of disguised.entries()) {
      const asked = await change(`hidden-${index}`, { displayName: value });
      control(asked.status === 202, `the attacker may not ask: ${asked.status} ${asked.text.slice(0, 200)}`);
      const path = `/api/approvals/${String(asked.body['approvalId'])}`;
      const { text } = await host.ask({ path, headers: bearer(attacker) });
      tally.attempt(text.includes(value), `deciders do not see ${JSON.stringify(value.slice(0, 20))}`);
    }
    const names = unseen.map((character) => `admin${character}istrator`);
    const asked = await change('unseen-0', { displayName: names.join('|') });
    control(asked.status === 202, `the attacker may not ask: ${asked.status} ${asked.text.slice(0, 200)}`);
    const path = `/api/approvals/${String(asked.body['approvalId'])}`;
    const { text } = await host.ask({ path, headers: bearer(attacker) });
    for (const name of names)
      tally.attempt(!text.includes(name), `deciders do not see what is in ${JSON.stringify(name)}`);
    const long = await change('long-0', { displayName: 'aaa1Q~'.repeat(10_000) });
    tally.attempt(long.status === 400, `60,000 characters that look like secrets: ${long.status}`);
    await host.stop();
  },
};

/** A chat that accepts a few messages at once and then wants a pause, as those of Microsoft do. */
async function startChat() {
  const messages: string[] = [];
  let fullUntilMs = 0;
  let taken = 0;
  const take = (text: string, response: ServerResponse): void => {
    const isFull = Date.now() < fullUntilMs;
    if (!isFull) taken = fullUntilMs > 0 && taken >= 4 ? 1 : taken + 1;
    if (!isFull && taken < 4) messages.push(text);
    else if (!isFull) fullUntilMs = Date.now() + 2_000;
    response.writeHead(!isFull && taken < 4 ? 200 : 429, { 'retry-after': '2' }).end();
  };
  const server = createServer((request, response) => {
    void buffer(request).then((bytes) => take(bytes.toString('utf8'), response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { messages, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, stop: () => server.close() };
}

async function ask(host: Host, { change, bearer }: Awaited<ReturnType<typeof startHost>>, number: number) {
  const asked = await change(`flood-${number}`, { displayName: `${number}` });
  if (asked.status !== 202) return asked;
  await host.ask({
    method: 'POST',
    path: `/api/approvals/${String(asked.body['approvalId'])}/decision`,
    headers: bearer(attacker),
    body: { decision: 'revoke', reason: 'Not needed any more' },
  });
  return asked;
}

/** How long people wait for the notice of an emergency while somebody floods the chat. */
const longestNoticeMs = 60_000;

export const floodedChat: Attack = {
  name: 'flooded-chat',
  tries: 'requests for approvals, asked and revoked in a loop, to hide an emergency in the chat',
  promise: 'One caller does not stop another.',
  run: async (stage, _options, tally) => {
    const chat = await startChat();
    const settings = { NOTIFICATION_WEBHOOK: chat.url, CALLER_REQUESTS_PER_MINUTE: '6000' };
    const started = await startHost(stage, settings);
    const { host, emergency } = started;
    let accepted = 0;
    for (let number = 0; number < 120; number += 1) {
      const { status, code } = await ask(host, started, number);
      if (status === 202) accepted += 1;
      else control(code === 'too_many_approvals', `the attacker gets ${status} ${code}`);
    }
    control(accepted > 20, `the attacker asked only ${accepted} times`);
    tally.attempt(accepted <= 100, `the attacker asked ${accepted} times within an hour`);
    const served = await emergency();
    control(served.status === 200, `the emergency is not served: ${served.status} ${served.text.slice(0, 200)}`);
    const startedMs = performance.now();
    const hasArrived = (): boolean => chat.messages.some((text) => text.includes('Emergency rule used'));
    while (!hasArrived() && performance.now() - startedMs < longestNoticeMs) await setTimeout(200);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    tally.attempt(
      hasArrived(),
      `the chat has ${chat.messages.length} messages, and not the emergency after ${seconds} s`,
    );
    tally.note(`${accepted} requests, ${chat.messages.length} messages; the emergency was there after ${seconds} s`);
    await host.stop();
    chat.stop();
  },
};
