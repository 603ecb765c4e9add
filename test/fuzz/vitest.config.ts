import { defineConfig, mergeConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

/** Every randomized test in full: `npm run fuzz`. */
export default mergeConfig(
  { ...base, test: { ...base.test, include: [] } },
  defineConfig({
    test: {
      include: [
        'test/fuzz/*.test.ts',
        'test/unit/lib/callers/*.property.test.ts',
        'test/e2e/credential/certificate.test.ts',
      ],
      env: { FUZZ_EXTENT: 'full' },
    },
  }),
);
