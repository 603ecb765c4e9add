import { render } from 'preact';
import { VerifyPage } from './verify/app.tsx';

const page = document.querySelector('#page');
if (page !== null) {
  page.replaceChildren();
  render(<VerifyPage />, page);
}
