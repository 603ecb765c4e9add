import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import hostJson from '../../host.json' with { type: 'json' };
import { waitForApproval } from '../../src/lib/approvals/wait-for-approval.ts';
import { fanOut, fanOutBatch } from '../../src/lib/runs/engine/fan-out.ts';
import { historiesFolder, type Recording } from './record.ts';
import { type Action, actionTypes, eventTypes, replay } from './sdk.ts';

const orchestrations = { 'fan-out': fanOut, 'fan-out-batch': fanOutBatch, approval: waitForApproval };
const files = (await readdir(historiesFolder, { recursive: true })).filter((name) => name.endsWith('.json')).toSorted();

const flatten = (action: Action): Action[] =>
  action.compoundActions === undefined ? [action] : action.compoundActions.flatMap(flatten);

/** The actions that the orchestrator requested, in order, without the platform's own follow-ups (retries). */
const asked = (actions: readonly Action[]): string[] =>
  actions
    .flatMap(flatten)
    .map(({ actionType, functionName, instanceId }) =>
      [actionType, functionName, instanceId].filter((part) => part !== undefined).join(' '),
    );

test('recorded histories exist for the version in host.json', () => {
  expect(
    files.filter((file) => file.startsWith(hostJson.extensions.durableTask.defaultVersion)).length,
  ).toBeGreaterThan(4);
});

test.each(files)('the current code continues from every point of %s with the same result', async (file) => {
  const recordings = JSON.parse(await readFile(join(historiesFolder, file), 'utf8')) as Recording[];
  expect(recordings.length).toBeGreaterThan(0);
  for (const { name, instanceId, input, output, history } of recordings) {
    const handler = orchestrations[name as keyof typeof orchestrations];
    const whole = await replay(handler, instanceId, input, history);
    expect({ isDone: whole.isDone, output: whole.output }).toEqual({ isDone: true, output });
    const all = asked(whole.actions);
    // An active run has only the beginning of a history. The requested actions must match there, too.
    const turns = history.flatMap(({ EventType }, place) =>
      EventType === eventTypes.orchestratorCompleted ? place : [],
    );
    for (const end of turns.slice(0, -1)) {
      const part = await replay(handler, instanceId, input, history.slice(0, end + 1));
      expect(part.isDone).toBe(false);
      expect(asked(part.actions)).toEqual(all.slice(0, asked(part.actions).length));
    }
    // The code must request exactly the actions that the platform recorded as scheduled.
    const scheduled = history
      .filter(({ EventType }) => EventType === eventTypes.subCreated)
      .map((event) => event['InstanceId']);
    expect(
      whole.actions
        .flatMap(flatten)
        .flatMap(({ actionType, instanceId }) => (actionType === actionTypes.sub ? instanceId : [])),
    ).toEqual(scheduled);
  }
});
