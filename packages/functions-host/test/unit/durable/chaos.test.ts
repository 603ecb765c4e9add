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

describe('task id assignment', () => {
  it.each([
    [
      'many concurrent turns and activities',
      { maxConcurrentOrchestratorFunctions: 100, maxConcurrentActivityFunctions: 100 },
      43_000,
    ],
    [
      'one turn at a time, so that completions arrive in batches',
      { maxConcurrentOrchestratorFunctions: 1, maxConcurrentActivityFunctions: 100 },
      50_000,
    ],
    [
      'one activity at a time, so that completions arrive one by one',
      { maxConcurrentOrchestratorFunctions: 10, maxConcurrentActivityFunctions: 1 },
      54_000,
    ],
  ])('matches the library with %s', async (_name, settings, firstSeed) => {
    const engine = app.newEngine({ settings });
    const ids = Array.from({ length: 20 }, (_, index) => engine.start('chaos', { seed: firstSeed + index, rounds: 7 }));
    const ended = await outputs(engine, ids);
    engine.engine.stop();
    expect(ended.flatMap(({ mismatches }) => mismatches)).toEqual([]);
    expect(ended.reduce((sum, { received }) => sum + received, 0)).toBeGreaterThan(160);
  });
});

/** Drops all commits after a given number, as if the process had been killed between two commits. */
class KilledStore implements Store {
  readonly inner: SqliteStore;
  isKilled = false;
  #commitsLeft: number;

  constructor(path: string, commits: number) {
    this.inner = new SqliteStore(path);
    this.#commitsLeft = commits;
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
    if (this.#commitsLeft > 0) this.inner.commit(changes);
    else this.isKilled = true;
    this.#commitsLeft -= 1;
  }
  close(): void {
    this.inner.close();
  }
}

describe('SqliteStore', () => {
  it('resumes orchestrations after kills at random commits, with every result at its task', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'host-store-'));
    const path = join(folder, 'store.sqlite');
    const random = seeded(42);
    const ids = Array.from({ length: 12 }, (_, index) => `chaos-${index}`);
    let kills = 0;
    let started = false;
    let ended: ChaosOutput[] | undefined;
    while (!ended) {
      const store = new KilledStore(path, started ? 5 + Math.floor(random() * 60) : 30);
      const engine = app.newEngine({ store });
      if (!started)
        for (const [index, id] of ids.entries()) engine.start('chaos', { seed: 900_000 + index, rounds: 5 }, id);
      started = true;
      const areEnded = () => ids.every((id) => engine.operations.get(id)?.record.status === 'Completed');
      await expect.poll(() => store.isKilled || areEnded(), { interval: 1 }).toBe(true);
      if (store.isKilled) kills += 1;
      else ended = await outputs(engine, ids);
      engine.engine.stop();
      engine.journal.close();
      store.close();
    }
    expect(ended.flatMap(({ mismatches }) => mismatches)).toEqual([]);
    expect(kills).toBeGreaterThan(5);
    rmSync(folder, { recursive: true });
  });
});
