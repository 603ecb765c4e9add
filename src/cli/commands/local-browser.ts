import type { Command } from 'commander';

/**
 * `ptb local-browser`: stands in for the browser and the person in it, against the simulated cloud only. PTB_BROWSER
 * names it when the demo and the tests run `ptb setup` and `ptb consent`. Not listed in the help: it signs in nowhere else.
 */
export function registerLocalBrowser(program: Command): void {
  program
    .command('local-browser', { hidden: true })
    .requiredOption('--control <url>', 'control address of the simulated cloud')
    .requiredOption('--account <username>', 'who signs in')
    .argument('<url>', 'the page that a browser would open')
    .action(async (url: string, flags: { control: string; account: string }) => {
      const { signIn } = await import('microsoft-cloud/client');
      const response = await fetch(await signIn(flags.control, url, flags.account));
      await response.arrayBuffer();
    });
}
