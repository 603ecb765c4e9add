import type { Command } from 'commander';
import { configureHostCommand } from 'functions-host/command';
import { configureCloudCommand } from 'microsoft-cloud/command';
import { registerConsent } from './consent.ts';
import { registerDemo } from './demo.ts';
import { registerExec } from './exec.ts';
import { registerMcp } from './mcp.ts';
import { registerLocalBrowser } from './local-browser.ts';
import { registerLogin } from './login.ts';
import { registerPermissions } from './permissions.ts';
import { registerPolicy } from './policy.ts';
import { registerSetup } from './setup.ts';
import { registerVerify } from './verify.ts';
import { registerRotate } from './rotate.ts';
import { registerDoctor } from './doctor.ts';
import { registerRevoke } from './revoke.ts';
import { registerTenantsConsent } from './tenants-consent.ts';
import { registerApprovals } from './approvals.ts';
import { registerAudit } from './audit.ts';
import { registerJobs } from './jobs.ts';
import { registerRun } from './run.ts';
import { registerRuns } from './runs.ts';
import { registerQuery } from './query.ts';
import { registerRequest } from './request.ts';
import { registerTenants } from './tenants.ts';
import { registerToken } from './token.ts';

/** Registers every command. Each imports its dependencies inside its action, which keeps `ptb --help` fast. */
export function registerCommands(program: Command): void {
  // `ptb setup api --json`: the option belongs to `api`, although `setup` has one of the same name.
  program.enablePositionalOptions();
  registerDemo(program);
  configureCloudCommand(program.command('local'));
  registerLocalBrowser(program);
  configureHostCommand(program.command('host'));
  registerPolicy(program);
  registerPermissions(program);
  registerSetup(program);
  registerConsent(program);
  registerVerify(program);
  registerRotate(program);
  registerDoctor(program);
  registerRevoke(program);
  registerLogin(program);
  registerTenants(program);
  registerTenantsConsent(program);
  registerToken(program);
  registerRequest(program);
  registerQuery(program);
  registerExec(program);
  registerMcp(program);
  registerJobs(program);
  registerRun(program);
  registerRuns(program);
  registerApprovals(program);
  registerAudit(program);
}
