/** Whether an address leads to this machine. */
export const isLoopback = (address: string): boolean => {
  const host = URL.parse(address)?.hostname;
  return host === 'localhost' || host === '127.0.0.1' || host === '[::1]';
};
