import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

/** Every randomized test in full: `npm run fuzz`. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    projects: undefined,
    include: [
      'test/fuzz/*.test.ts',
      'test/unit/lib/callers/*.property.test.ts',
      'test/e2e/credential/certificate.test.ts',
    ],
    env: { ...base.test?.env, FUZZ_EXTENT: 'full' },
  },
});
