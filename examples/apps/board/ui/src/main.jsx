// One page for three places: which one it is, the host says.
import { StrictMode, Suspense, lazy } from 'react';
import { createRoot } from 'react-dom/client';
import { view } from '/_annex/sdk.js';
import { Problem } from './problem.jsx';
import './board.css';

const places = {
  board: lazy(() => import('./planning.jsx')),
  estimate: lazy(() => import('./estimate.jsx')),
  progress: lazy(() => import('./progress.jsx')),
};

await view.theme.enable();
const context = await view.getContext();
const Place = places[context.moduleKey];

createRoot(document.getElementById('app')).render(
  <StrictMode>
    <Problem>
      <Suspense fallback={<p className="quiet">One moment …</p>}>
        <Place context={context} />
      </Suspense>
    </Problem>
  </StrictMode>,
);
