import { render } from 'preact';
import { Reference } from './reference/app.tsx';

const page = document.querySelector('#page');
if (page !== null) {
  page.replaceChildren();
  render(<Reference />, page);
}
