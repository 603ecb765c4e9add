/**
 * A reporter of vitest: keeps what each test was and what it printed in `.local/test-record.json`, file by file, so that
 * a run of a few files renews those and leaves the rest. docs/promises.md is made of it.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

export interface RecordedTest {
  readonly name: string;
  readonly state: string;
  /** Lines on standard output. */
  readonly said: readonly string[];
}

/** Test file, relative to the project → its tests. */
export type TestRecord = Readonly<Record<string, readonly RecordedTest[]>>;

const root = resolve(import.meta.dirname, '..');
export const recordFile = resolve(root, '.local/test-record.json');

export function readTestRecord(): TestRecord {
  try {
    return JSON.parse(readFileSync(recordFile, 'utf8')) as TestRecord;
  } catch {
    return {};
  }
}

export default class TestRecorder implements Reporter {
  readonly #said = new Map<string, string[]>();

  onUserConsoleLog({ taskId, type, content }: { taskId?: string; type: string; content: string }): void {
    if (taskId === undefined || type !== 'stdout') return;
    const lines = content.split('\n').filter((line) => line.trim() !== '');
    this.#said.set(taskId, [...(this.#said.get(taskId) ?? []), ...lines]);
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const fresh = modules.map((module) => [relative(root, module.moduleId), this.#testsOf(module)] as const);
    mkdirSync(dirname(recordFile), { recursive: true });
    const record: TestRecord = { ...readTestRecord(), ...Object.fromEntries(fresh) };
    writeFileSync(recordFile, `${JSON.stringify(record, null, 1)}\n`);
  }

  #testsOf(module: TestModule): RecordedTest[] {
    return [...module.children.allTests()].map((test: TestCase) => ({
      name: test.fullName,
      state: test.result().state,
      // What is printed outside of a test, in a hook for example, is the file's.
      said: [...(this.#said.get(test.id) ?? []), ...(this.#said.get(module.id) ?? [])],
    }));
  }
}
