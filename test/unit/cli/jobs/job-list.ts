/** Text of a `src/jobs/index.ts`. The tests do not use the real one, because it changes with each job that somebody adds. */
export const jobList = `import type { Job } from '../lib/runs/job/job.ts';
import accessCheck from './access-check.ts';
import secretExpiryReport from './secret-expiry-report.ts';

/** All jobs of this app. To add one, create a file in this folder and list it here. */
export const jobs: readonly Job[] = [accessCheck, secretExpiryReport];
`;
