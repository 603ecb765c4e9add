/** An activity that notes the inputs with which it has started, and ends only when the test lets it. */
export function heldActivity() {
  const started: string[] = [];
  const releases: (() => void)[] = [];
  const handler = async (label: string): Promise<string> => {
    started.push(label);
    await new Promise<void>((resolve) => releases.push(resolve));
    return label;
  };
  return { started, releases, handler };
}
