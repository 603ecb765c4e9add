import { type Command, Help } from 'commander';
import { configureHostCommand } from 'functions-host/command';
import { configureCloudCommand } from 'microsoft-cloud/command';
import { defaultOf } from '../run-program.ts';
import { registerConsent } from './consent.ts';
import { registerDemo } from './demo.ts';
import { addExamples } from './examples.ts';
import { registerExec } from './exec.ts';
import { registerMcp } from './mcp.ts';
import { registerLocalApp } from './local-app.ts';
import { registerLocalBrowser } from './local-browser.ts';
import { registerLogin } from './login.ts';
import { registerPermissions } from './permissions.ts';
import { registerPlans } from './plans.ts';
import { registerPolicy } from './policy.ts';
import { registerProject } from './project.ts';
import { registerSetup } from './setup.ts';
import { registerVerify } from './verify.ts';
import { registerRotate } from './rotate.ts';
import { registerDoctor } from './doctor.ts';
import { registerRevoke } from './revoke.ts';
import { registerTenantsConsent } from './tenants-consent.ts';
import { registerApprovals } from './approvals.ts';
import { registerAudit } from './audit.ts';
import { registerJobs } from './jobs.ts';
import { registerReport } from './report.ts';
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
  const help = new Help();
  program.configureHelp({
    // `ptb runs --job NAME` is `ptb runs list --job NAME`, so the help of the group has these options, too.
    visibleOptions: (command) => {
      const byDefault = defaultOf(command);
      const own = help.visibleOptions(command);
      return byDefault === undefined
        ? own
        : [...help.visibleOptions(byDefault).filter(({ long }) => long !== '--help'), ...own];
    },
    subcommandTerm: (command) => command.name(),
    subcommandDescription: (command) => command.description().replace(/(?<=\.) .*/s, ''),
  });
  program.commandsGroup('Customers:');
  registerTenants(program);
  registerTenantsConsent(program);
  registerReport(program);
  registerToken(program);
  registerRequest(program);
  registerQuery(program);
  registerExec(program);
  program.commandsGroup('Jobs:');
  registerJobs(program);
  registerProject(program);
  registerRun(program);
  registerRuns(program);
  program.commandsGroup('Changes:');
  registerPlans(program);
  program.commandsGroup('Approvals and audit:');
  registerApprovals(program);
  registerAudit(program);
  program.commandsGroup('Sign-in:');
  registerLogin(program);
  program.commandsGroup('Set up and look after a broker:');
  registerSetup(program);
  registerConsent(program);
  registerDoctor(program);
  registerVerify(program);
  registerRotate(program);
  registerRevoke(program);
  registerPolicy(program);
  registerPermissions(program);
  program.commandsGroup('Try it on this machine:');
  registerDemo(program);
  configureCloudCommand(program.command('local'));
  registerLocalBrowser(program);
  registerLocalApp(program);
  configureHostCommand(program.command('host'));
  program.commandsGroup('Other:');
  registerMcp(program);
  program.helpCommand('help [command]', 'Show the help of a command.');
  addExamples(program);
}
