import type { Job } from '../lib/runs/job.ts';
import accessCheck from './access-check.ts';
import licenceReport from './licence-report.ts';
import mfaReport from './mfa-report.ts';
import secretExpiryReport from './secret-expiry-report.ts';

/** Every job of this app. A new one is a file beside this one and a line here. */
export const jobs: readonly Job[] = [accessCheck, licenceReport, mfaReport, secretExpiryReport];
