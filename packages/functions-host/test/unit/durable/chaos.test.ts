import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { SqliteStore } from '../../../src/durable/sqlite-store.ts';
import type { ChangeSet, Store } from '../../../src/durable/store.ts';
import { type ChaosOutput, registerChaos } from './random-orchestration.ts';
import { type EngineUnderTest, seeded, testApp, type TestApp } from './test-app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp();
  registerChaos(app);
});

const outputs = async (engine: EngineUnderTest, ids: readonly string[]): Promise<ChaosOutput[]> =>
  Promise.all(ids.map(async (id) => JSON.parse((await engine.finished(id)).output ?? 'null') as ChaosOutput));

// Real waiting and a shared machine: the work takes seconds, the limit is for a hang.
const limitMs = 90_000;

describe('task ids', { timeout: limitMs }, () => {
  it.each([
    [
      'many turns at once, many activities at once',
      { maxConcurrentOrchestratorFunctions: 100, maxConcurrentActivityFunctions: 100 },
    ],
    [
      'one turn at a time, so completions come in batches',
      { maxConcurrentOrchestratorFunctions: 1, maxConcurrentActivityFunctions: 100 },
    ],
    [
      'one activity at a time, so completions come one by one',
      { maxConcurrentOrchestratorFunctions: 10, maxConcurrentActivityFunctions: 1 },
    ],
  ])('are those of the library: %s', async (mode, settings) => {
    const engine = app.newEngine({ settings });
    const base = mode.length * 1000;
    const ids = Array.from({ length: 50 }, (_, index) => engine.start('chaos', { seed: base + index, rounds: 7 }));
    const ended = await outputs(engine, ids);
    engine.engine.stop();
    expect(ended.flatMap(({ mismatches }) => mismatches)).toEqual([]);
    expect(ended.reduce((sum, { seen }) => sum + seen, 0)).toBeGreaterThan(400);
  });
});

/** Writes a given number of commits and none after that, as when the process is killed between two of them. */
class KilledStore implements Store {
  readonly inner: SqliteStore;
  readonly killed: Promise<void>;
  #left: number;
  #kill: () => void = () => undefined;

  constructor(path: string, commits: number) {
    this.inner = new SqliteStore(path);
    this.#left = commits;
    this.killed = new Promise((resolve) => {
      this.#kill = resolve;
    });
  }
  load(): ReturnType<Store['load']> {
    return this.inner.load();
  }
  readHistory(instanceId: string): string[] {
    return this.inner.readHistory(instanceId);
  }
  readValue(key: string): string | undefined {
    return this.inner.readValue(key);
  }
  commit(changes: ChangeSet): void {
    if (this.#left > 0) this.inner.commit(changes);
    else this.#kill();
    this.#left -= 1;
  }
  close(): void {
    this.inner.close();
  }
}

describe('a store', { timeout: limitMs }, () => {
  it('lets orchestrations go on after kills at random moments, with every result at its task', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'host-store-'));
    const path = join(folder, 'store.sqlite');
    const random = seeded(42);
    const ids = Array.from({ length: 12 }, (_, index) => `chaos-${index}`);
    let kills = 0;
    let started = false;
    for (;;) {
      const store = new KilledStore(path, started ? 5 + Math.floor(random() * 60) : 30);
      const engine = app.newEngine({ store });
      if (!started)
        for (const [index, id] of ids.entries()) engine.start('chaos', { seed: 900_000 + index, rounds: 5 }, id);
      started = true;
      const all = outputs(engine, ids);
      const ended = await Promise.race([all, store.killed]);
      engine.engine.stop();
      engine.journal.close();
      store.close();
      if (Array.isArray(ended)) {
        expect(ended.flatMap(({ mismatches }) => mismatches)).toEqual([]);
        break;
      }
      kills += 1;
    }
    expect(kills).toBeGreaterThan(5);
    rmSync(folder, { recursive: true });
  });
});
