import { jobs } from '../jobs/index.ts';
import { createJobRegistry } from '../lib/runs/job.ts';

/** The jobs of this app; a mistake in one of them shows here, in the first test that loads the functions. */
export const jobRegistry = createJobRegistry(jobs);
