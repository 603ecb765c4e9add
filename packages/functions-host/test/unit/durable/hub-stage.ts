import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach } from 'vitest';
import { type Member, type MemberOptions, startMember } from './hub-member.ts';
import type { Context } from './library-types.ts';
import { registerChaos } from './random-orchestration.ts';
import { testApp, type TestApp } from './test-app.ts';

/** A new hub for each test, and the hosts that join it. */
export interface HubStage {
  /** The hosts of the test. They leave at its end. */
  readonly members: readonly Member[];
  /** What the activity `note` was given, each time that it ran. */
  readonly notes: readonly string[];
  readonly join: (options?: MemberOptions) => Member;
}

/**
 * Registers the hooks of a stage. Its app has `chaos`, `listener`, which waits for the event `word`, and `notes`, whose input
 * says how many activities it starts at a time.
 * @param register adds what the tests need besides.
 */
export function hubStage(register: (app: TestApp) => void): HubStage {
  const members: Member[] = [];
  const notes: string[] = [];
  let app: TestApp;
  let folder: string;
  beforeAll(async () => {
    app = await testApp();
    registerChaos(app);
    app.df.app.activity('note', {
      handler: async (label: string) => {
        notes.push(label);
        await delay(20);
        return label;
      },
    });
    app.df.app.orchestration('notes', function* (context: Context) {
      const { instanceId } = context.df;
      const labels = Array.from({ length: context.df.getInput<number>() ?? 0 }, (_, index) => `${instanceId} ${index}`);
      return yield context.df.Task.all(labels.map((label) => context.df.callActivity('note', label)));
    });
    app.df.app.orchestration('listener', function* (context: Context) {
      return yield context.df.waitForExternalEvent('word');
    });
    register(app);
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'host-hub-'));
    notes.length = 0;
  });
  afterEach(() => {
    for (const member of members.splice(0)) member.close();
    rmSync(folder, { recursive: true });
  });
  return {
    members,
    notes,
    join: (options) => {
      const member = startMember(app, join(folder, 'hub.sqlite'), options);
      members.push(member);
      return member;
    },
  };
}
