// Every address of the store, and where its page is. Patterns are wouter's.

import type { ComponentType } from 'preact';
import { lazy } from 'preact/compat';
import { HomePage } from '../shop/HomePage';
import { NotFoundPage } from './NotFoundPage';

export interface Route {
  path: string;
  page: ComponentType;
}

const page = <Name extends string>(load: () => Promise<Record<Name, ComponentType>>, name: Name): ComponentType =>
  lazy(async () => ({ default: (await load())[name] }));

const CataloguePage = page(() => import('../shop/CataloguePage'), 'CataloguePage');

export const routes: Route[] = [
  { path: '/', page: HomePage },
  { path: '/c/*', page: CataloguePage },
  { path: '/search', page: CataloguePage },
  { path: '/p/:slug', page: page(() => import('../shop/ProductPage'), 'ProductPage') },
  { path: '/checkout', page: page(() => import('../checkout/CheckoutPage'), 'CheckoutPage') },
  { path: '/orders', page: page(() => import('../orders/OrdersPage'), 'OrdersPage') },
  { path: '/orders/:id', page: page(() => import('../orders/OrderPage'), 'OrderPage') },
  { path: '/office/*?', page: page(() => import('../office/OfficePage'), 'OfficePage') },
  { path: '/system', page: page(() => import('../system/SystemPage'), 'SystemPage') },
  { path: '*', page: NotFoundPage },
];
