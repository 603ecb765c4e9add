import { jobs } from '../jobs/index.ts';
import { createJobRegistry } from '../lib/runs/job/job.ts';

/** The jobs of this app. An invalid job throws here, in any test that loads the functions. */
export const jobRegistry = createJobRegistry(jobs);
