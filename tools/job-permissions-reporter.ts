/** A vitest reporter that warns of permissions of the app's jobs that no request of their tests needs. */
import type { Reporter, TestModule, Vitest } from 'vitest/node';

/** What `tryJob` found out about a job in one test. */
export interface TriedPermissions {
  readonly job: string;
  /** Declared permissions without which every request of the test would have been sent. */
  readonly unneeded: readonly string[];
}

/**
 * The warnings to print. A request needs a permission if the others do not open it, so a permission is unneeded if it is in
 * every test.
 */
export function permissionWarnings(tried: readonly TriedPermissions[]): string[] {
  return [...Map.groupBy(tried, ({ job }) => job)].flatMap(([job, tests]) => {
    const [first, ...others] = tests;
    const unneeded = first?.unneeded.filter((name) => others.every((other) => other.unneeded.includes(name))) ?? [];
    if (unneeded.length === 0) return [];
    const names = unneeded.join(', ');
    return [
      `Warning: the job ${job} declares ${names}, which no request of its tests needs. Remove what it does not need: customers consent to it, and every token carries it. Or test the request that needs it.`,
    ];
  });
}

const triedIn = (module: TestModule): TriedPermissions[] =>
  [...module.children.allTests()].flatMap((test) => test.meta().triedJobs ?? []);

export default class JobPermissionsReporter implements Reporter {
  #filtered = false;

  onInit(vitest: Vitest): void {
    // With `-t`, the tests that need a permission may not run.
    this.#filtered = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    if (this.#filtered) return;
    for (const line of permissionWarnings(modules.flatMap(triedIn))) console.warn(line);
  }
}
