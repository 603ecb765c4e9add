import type { RunningCloud } from 'microsoft-cloud';

/** Names that a customer may choose for its tenant, to be obeyed by a terminal or a spreadsheet. */
export const evilNames: readonly string[] = [
  '\u001b]0;owned\u0007 Title',
  '\u001b[2J\u001b[1;1HCleared',
  '\u001b]52;c;ZXZpbA==\u0007 Clipboard',
  '\u009b31mRed',
  'Line\r\nbreak: 0 failed',
  'Back\b\b\b\bspace',
  'Right\u202eto left',
  '\u2066Isolate\u2069',
  '\u001bPq#0;2;0;0;0\u001b\\Sixel',
  '=HYPERLINK("http://evil.example","x")',
  "+cmd|' /C calc'!A0",
  "-2+3+cmd|' /C calc'!A0",
  "@SUM(1+1)*cmd|' /C calc'!A0",
  'x;=1+1',
  'x\t=1+1',
  'x\n=1+1',
  ' \u00a0=1+1',
  '＝1+1',
  '"=1+1',
  'x;"=1+1',
  '\ufeff=1+1',
  'x\r@SUM(A1)',
  '<script>alert(1)</script>',
  '%0d%0aset-cookie: a=b',
];

/** Gives these names to the first customers. Must happen before anybody reads them. */
export function renameCustomers({ world }: RunningCloud): void {
  for (const [index, name] of evilNames.entries()) {
    const customer = world.customers[index];
    if (customer !== undefined) Object.assign(customer, { name, contractName: name });
  }
}
