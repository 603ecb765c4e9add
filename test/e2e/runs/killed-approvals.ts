import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { addFault, readLedger } from 'microsoft-cloud/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callerTokens } from '../../../src/cli/demo/caller-token.ts';
import type { ApprovalsAnswer } from '../../../src/lib/api/answers/approvals.ts';
import { seededRandom } from '../../fakes/fake-clock.ts';
import { tokenOfPerson } from '../../support/person-token.ts';
import { tenantOf, tokenOfCaller } from '../../support/running-demo.ts';
import { noApp } from '../../support/watched-demo.ts';
import { ask, type Asked, type Callers, listAll, use } from './asked-approvals.ts';
import { type RunStack, startRunStack } from './run-stack.ts';

type ApprovalSummary = ApprovalsAnswer['approvals'][number];

/** PTB_SEED=7 chooses other moments for the kills. */
const seed = Number(process.env['PTB_SEED'] ?? '1');
/** Requests of one caller that are under way: fewer than may wait. */
const concurrency = 16;
/** The clocks are one, but a request takes its time. */
const toleranceMs = 3_000;
/**
 * The watchdog looks every five minutes, gives up a change whose host died after five, and closes another record if its
 * orchestration has not done so within 15: storage of a busy machine may fail several times in a row.
 */
const longestSettlingMs = 22 * 60_000;

/** Registers a test: approvals survive `kills` kills of one of the hosts, none is lost, and no change is sent twice. */
export function testKilledApprovals(kills: number, approvals: number, hosts: number): void {
  let stack: RunStack;
  let tenantId: string;
  beforeAll(async () => {
    stack = await startRunStack(3, {}, { startApp: noApp });
    ({ tenantId } = tenantOf(stack.demo, 'ok'));
    await prepare(stack, tenantId);
  });
  afterAll(() => stack?.stop());

  test(
    `${approvals} approvals survive ${kills} kills among ${hosts} hosts: none lost, none served too long, no change twice`,
    async () => {
      const deciders = await Promise.all(['operator', 'approver'].map((name) => tokenOfPerson(stack.demo, name)));
      let url = '';
      const callers: Callers = {
        url: () => url,
        tenantId,
        askers: await Promise.all([
          tokenOfCaller(stack.demo, ['Requests.Send']),
          callerTokens(stack.demo.cloud)(),
          tokenOfPerson(stack.demo, 'helpdesk'),
        ]),
        deciders,
      };
      let started = 0;
      // Some with each host, so that they are under way during all kills.
      const asking = askAll(callers, approvals, () => started * Math.ceil(approvals / (kills + 1)));
      await killAndStart(stack, { kills, hosts }, (next) => {
        url = next;
        started += 1;
      });
      const asked = await asking;
      const records = await settled(callers);
      const report = await judge(stack, asked, records);
      console.log(
        `seed ${seed}: ${kills} kills among ${hosts} hosts, ${approvals} approvals: ${JSON.stringify(report)}`,
      );
      expect(report).toMatchObject({
        lost: 0,
        sentTwice: 0,
        servedTooLong: 0,
        unsaid: 0,
        unrecorded: 0,
        unsettled: 0,
      });
      expect([report.approvals, report.changesAnswered > 0, report.readingsServed > 0]).toEqual([
        approvals,
        true,
        true,
      ]);
    },
    longestSettlingMs + 300_000 + kills * 20_000,
  );
}

async function prepare({ demo }: RunStack, tenantId: string): Promise<void> {
  const { callers, signInClientId } = demo.cloud.brokerApplication;
  const senders = callers.filter(({ roles }) => roles.includes('Requests.Send'));
  const rule = {
    callers: { applications: [signInClientId, ...senders.map(({ clientId }) => clientId)] },
    tenants: ['*'],
    resources: ['graph'],
    via: ['gateway'],
    scopes: ['User.ReadWrite.All'],
    approval: { validMinutes: 2 },
  };
  const rules = ['PATCH', 'GET'].map((method) => ({
    ...rule,
    name: `${method} needs an approval`,
    requests: { methods: [method], paths: ['/v1.0/users/*'] },
  }));
  await writeFile(demo.environment['ACCESS_POLICY'] ?? '', JSON.stringify({ version: 1, rules }));
  // A slow resource, so that hosts die while a change is under way.
  const slow = { service: 'graph', tenantId, path: '/users/', delayMs: 300 } as const;
  await addFault(demo.cloud.control, { ...slow, method: 'PATCH', status: 204 });
  await addFault(demo.cloud.control, {
    ...slow,
    method: 'GET',
    status: 200,
    body: '{}',
    headers: { 'content-type': 'application/json' },
  });
}

/** Starts requests one after another, as many at a time as one caller may have waiting. */
async function askAll(callers: Callers, approvals: number, allowed: () => number): Promise<readonly Asked[]> {
  const uses: Promise<Asked>[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < approvals) {
      if (next >= allowed()) {
        await sleep(50);
        continue;
      }
      next += 1;
      const number = next;
      uses.push(use(callers, number, await ask(callers, number)));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return Promise.all(uses);
}

/** Kills one of the hosts after another. The callers turn to another one each time. */
async function killAndStart(
  stack: RunStack,
  { kills, hosts }: { readonly kills: number; readonly hosts: number },
  onStart: (url: string) => void,
): Promise<void> {
  const random = seededRandom(seed);
  const place = (): number => Math.floor(random() * hosts);
  const start = () => stack.startHost({ shared: hosts > 1 });
  const alive = await Promise.all(Array.from({ length: hosts }, start));
  onStart(alive[place()]?.ready.url ?? '');
  for (let kill = 0; kill < kills; kill += 1) {
    // Most hosts live briefly, some long enough for several steps.
    await sleep(300 + random() ** 2 * 5_000);
    const killed = place();
    await alive[killed]?.kill();
    alive[killed] = await start();
    onStart(alive[place()]?.ready.url ?? '');
  }
}

/** The approvals once all are closed. A change whose host died is given up after five minutes. */
async function settled(callers: Callers): Promise<ReadonlyMap<string, ApprovalSummary>> {
  const untilMs = Date.now() + longestSettlingMs;
  for (;;) {
    const records = await listAll(callers);
    const isOpen = [...records.values()].some(({ closedAt }) => closedAt === undefined);
    if (!isOpen || Date.now() > untilMs) return records;
    await sleep(5_000);
  }
}

/** Compares what the callers saw with what reached the resource, and with the records. */
async function judge(stack: RunStack, asked: readonly Asked[], records: ReadonlyMap<string, ApprovalSummary>) {
  const { requests } = await readLedger(stack.demo.cloud.control);
  const reached = Map.groupBy(requests, ({ method, path }) => `${method} ${path}`);
  const changes = asked.filter(({ kind }) => kind === 'change');
  const readings = asked.filter(({ kind }) => kind === 'reading');
  const timesOf = ({ kind, number }: Asked) =>
    reached.get(`${kind === 'change' ? 'PATCH' : 'GET'} /v1.0/users/${kind}-${number}`) ?? [];
  const recordOf = ({ approvalId }: Asked) => records.get(approvalId);
  const validUntilMs = (each: Asked): number => Date.parse(recordOf(each)?.validUntil ?? '');
  const isUnknown = (each: Asked): boolean => recordOf(each)?.use?.answered === false;
  return {
    approvals: new Set(asked.map(({ approvalId }) => approvalId)).size,
    changesAnswered: changes.filter(({ answered }) => answered === 1).length,
    changesWithoutAnswer: changes.filter(({ answered }) => answered === 0).length,
    changesUnknown: changes.filter(isUnknown).length,
    changesReached: changes.filter((each) => timesOf(each).length === 1).length,
    readingsServed: readings.reduce((sum, { answered }) => sum + answered, 0),
    // Refused although it was still valid and not used.
    lost: asked.filter(
      (each) =>
        !each.refusal.includes('approval_ended') ||
        (recordOf(each)?.use === undefined && !(each.refusedAtMs >= validUntilMs(each))),
    ).length,
    // No host lived long enough while they were valid.
    neverServed: asked.filter((each) => each.answered === 0 && recordOf(each)?.use === undefined).length,
    sentTwice: changes.filter((each) => timesOf(each).length > 1 || each.answered > 1).length,
    servedTooLong: asked.filter((each) => timesOf(each).some(({ atMs }) => atMs > validUntilMs(each) + toleranceMs))
      .length,
    // A change that may have arrived is refused with that reason.
    unsaid: changes.filter((each) => isUnknown(each) && !each.refusal.includes('may have reached Microsoft')).length,
    // The caller has an answer that the record does not know of.
    unrecorded: changes.filter((each) => each.answered === 1 && recordOf(each)?.use?.answered !== true).length,
    unsettled: asked.filter((each) => recordOf(each)?.closedAt === undefined).length,
  };
}
