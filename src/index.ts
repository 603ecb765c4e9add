/**
 * Entry point of the function app: registers everything, reads nothing. A throw here would take down every function
 * (Node.js 20 and later), so missing settings show up in `/api/health` and as 503 `config_invalid` instead.
 */
import './functions/setup.ts';
import './functions/tokens.ts';
import './functions/tenants.ts';
import './functions/jobs.ts';
import './functions/runs.ts';
import './functions/run-actions.ts';
import './functions/audit.ts';
import './functions/audit-retention.ts';
import './functions/schedules.ts';
import './functions/fan-out.ts';
import './functions/run-care.ts';
import './functions/health.ts';
import './functions/docs.ts';
import './functions/dashboard.ts';
import './functions/rotation.ts';
