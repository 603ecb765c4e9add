import { defineConfig } from 'vitest/config';

/** The tests that mutants are held against: the quick ones of the rooms that are mutated, each mutant runs them anew. */
export default defineConfig({
  test: {
    include: [
      'test/unit/lib/{single-flight,deadline,safe-parse}*.test.ts',
      'test/unit/lib/audit/group-commit*.test.ts',
      'test/unit/lib/broker/*.test.ts',
      'test/unit/lib/callers/{decide,judge-scopes,parse-policy,parse-policy.details,duplicate-key}.test.ts',
      'test/unit/lib/credential/{rotate,rotate.details,judge-rolled}.test.ts',
      'test/unit/lib/entra/judge-token-reply*.test.ts',
      'test/unit/lib/graph/*.test.ts',
    ],
    // Ten thousand callers are too many to be asked for by each mutant.
    exclude: ['test/unit/lib/broker/busy.test.ts'],
    // A mutant that waits for ever fails its test here: quicker than Stryker, which has to start its worker anew.
    testTimeout: 5_000,
  },
});
