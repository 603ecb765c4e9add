/**
 * Entry point of the function app. It registers all functions and builds no services: since Node.js 20, an error at load
 * takes down every function. Wrong settings show in `/api/health` and as 503 `config_invalid` instead.
 */
import { app } from '@azure/functions';
import { endTracing } from './composition.ts';
import './functions/tokens.ts';
import './functions/gateway.ts';
import './functions/queries.ts';
import './functions/approvals.ts';
import './functions/tenants.ts';
import './functions/events.ts';
import './functions/jobs.ts';
import './functions/runs.ts';
import './functions/run-results.ts';
import './functions/run-actions.ts';
import './functions/plans.ts';
import './functions/history.ts';
import './functions/mcp.ts';
import './functions/audit.ts';
import './functions/policy.ts';
import './functions/fan-out.ts';
import './functions/run-timers.ts';
import './functions/health.ts';
import './functions/metrics.ts';
import './functions/pages.ts';
import './functions/rotation.ts';

app.hook.appTerminate(endTracing);
