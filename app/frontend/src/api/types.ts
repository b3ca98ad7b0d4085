// The services' schemas under the names that the pages use.

import type { components as CartComponents, paths as CartPaths } from './generated/cart';
import type { components as InventoryComponents, paths as InventoryPaths } from './generated/inventory';
import type { components as OrderComponents, paths as OrderPaths } from './generated/order';
import type { components as PaymentComponents, paths as PaymentPaths } from './generated/payment';
import type { components as ProductComponents, paths as ProductPaths } from './generated/product';

export type Paths = ProductPaths & CartPaths & OrderPaths & PaymentPaths & InventoryPaths;

export type ProductSchemas = ProductComponents['schemas'];
export type CartSchemas = CartComponents['schemas'];
export type OrderSchemas = OrderComponents['schemas'];
export type PaymentSchemas = PaymentComponents['schemas'];
export type InventorySchemas = InventoryComponents['schemas'];

export type Problem = ProductSchemas['Problem'];

export type Product = ProductSchemas['product_view'];
export type ProductDetail = ProductSchemas['product_detail'];
export type Variant = ProductSchemas['variant_view'];
export type ProductPage = ProductSchemas['product_page'];
export type Facets = ProductSchemas['facet_set'];
export type Category = ProductSchemas['category'];
export type Suggestion = ProductSchemas['suggestion'];

export type Cart = CartSchemas['cart_view'];
export type CartLine = CartSchemas['line_view'];

export type Order = OrderSchemas['order_view'];
export type OrderLine = OrderSchemas['order_line'];
export type Address = OrderSchemas['address'];

export type Payment = PaymentSchemas['payment_view'];
export type GatewayBehaviour = PaymentSchemas['gateway_behaviour'];

export type Stock = InventorySchemas['stock_view'];
export type Movement = InventorySchemas['movement'];

export const services = ['product', 'cart', 'order', 'payment', 'inventory'] as const;
export type ServiceName = (typeof services)[number];

// GET /api/system/health is the gateway's own.
export interface SystemHealth {
  status: 'up' | 'degraded';
  services: Record<ServiceName, { status: 'up' | 'down'; version: string | null }>;
}
