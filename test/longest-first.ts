import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files and folders whose files take longest, longest first. They start first, so that no long file runs alone at the
 * end.
 */
const longest = [
  'test/e2e/credential/customers.test.ts',
  'test/e2e/demo-command.test.ts',
  'test/attack/attack.test.ts',
  'test/e2e/credential/customer-problems.test.ts',
  'test/e2e/credential/revoke.test.ts',
  'test/e2e/credential/commands.test.ts',
  'test/chaos/campaign.test.ts',
  'test/e2e/pages/',
  'test/e2e/runs/',
  'test/e2e/credential/certificate.test.ts',
  'test/e2e/',
  'test/func/',
  'test/fuzz/requests.test.ts',
  'packages/functions-host/test/e2e/',
  'packages/microsoft-cloud/test/e2e/',
  'test/fuzz/',
  'test/unit/infra/',
  'test/contract/',
  'test/unit/lib/audit/table-audit-log.test.ts',
] as const;

/** Where a file is in the list of the longest. */
const rank = ({ moduleId }: TestSpecification): number => {
  const at = longest.findIndex((path) => moduleId.includes(`/${path}`));
  return at === -1 ? longest.length : at;
};

/** Starts the longest files first, and files that share a worker last. Files of the same rank: larger ones first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const bySize = super.sort.bind(this);
    return (await bySize(files)).toSorted((a, b) => Number(isShared(a)) - Number(isShared(b)) || rank(a) - rank(b));
  }
}

const isShared = ({ project }: TestSpecification): boolean => !project.config.isolate;
