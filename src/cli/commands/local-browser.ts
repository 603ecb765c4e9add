import type { Command } from 'commander';

/**
 * `ptb local-browser`: signs an account of the simulated cloud in, without a browser. The demo and the tests put it into
 * PTB_BROWSER when they run `ptb setup` and `ptb consent`. Hidden from the help, because it works nowhere else.
 */
export function registerLocalBrowser(program: Command): void {
  program
    .command('local-browser', { hidden: true })
    .requiredOption('--control <url>', 'control endpoint of the simulated cloud')
    .requiredOption('--account <username>', 'account that signs in')
    .argument('<url>', 'address of the sign-in page')
    .action(async (url: string, flags: { control: string; account: string }) => {
      const { signIn } = await import('microsoft-cloud/client');
      const response = await fetch(await signIn(flags.control, url, flags.account));
      await response.arrayBuffer();
    });
}
