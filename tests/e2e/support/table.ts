import type { Service } from './stack.ts';

// Section "API" of the design as data: every route of every service and who may call it. The test
// compares it with what the services say of themselves, both ways.

export type Row = { service: Service; method: string; path: string; who: string[] };

const rows = (service: Service, text: string): Row[] =>
  text.trim().split('\n').map((line) => {
    const [method, path, ...who] = line.trim().split(/\s+/);
    return { service, method, path, who };
  });

const operator = (service: Service) => rows(service, `
  GET /health operator
  GET /health/live operator
  GET /health/ready operator
  GET /metrics operator
  GET /openapi.json operator`);

export const table: Row[] = [
  ...operator('product'), ...rows('product', `
    GET /products public
    GET /products/suggest public
    GET /products/{id} public
    GET /categories public
    POST /products admin
    PUT /products/{id} admin
    PATCH /products/{id} admin
    DELETE /products/{id} admin
    POST /products/import admin
    GET /books service(order) admin`),
  ...operator('cart'), ...rows('cart', `
    POST /session public
    DELETE /session public
    POST /session/admin public
    DELETE /session/admin public
    GET /.well-known/jwks.json public
    GET /cart/{user_id} shopper service(order)
    DELETE /cart/{user_id} shopper
    POST /cart/{user_id}/items shopper
    PUT /cart/{user_id}/items/{product_id} shopper
    DELETE /cart/{user_id}/items/{product_id} shopper
    POST /cart/{user_id}/ordered service(order)
    GET /books service(order) admin`),
  ...operator('order'), ...rows('order', `
    POST /orders shopper
    GET /orders shopper admin
    GET /orders/{id} shopper admin
    GET /orders/{id}/events shopper admin
    POST /orders/{id}/cancel shopper admin
    POST /orders/{id}/refunds admin
    PATCH /orders/{id}/status admin
    GET /audit admin`),
  ...operator('payment'), ...rows('payment', `
    POST /payments/tokens shopper
    POST /payments/process service(order)
    POST /payments/{id}/capture service(order)
    POST /payments/{id}/void service(order)
    POST /payments/{id}/refund service(order)
    GET /payments admin
    GET /payments/{id}/attempts admin
    GET /payments/{id}/gateway-record admin
    GET /payments/{id} shopper admin
    GET /payments/gateway admin
    PUT /payments/gateway admin
    GET /books service(order) admin`),
  ...operator('inventory'), ...rows('inventory', `
    GET /inventory public admin service(cart)
    GET /inventory/{product_id} public admin service(cart)
    PUT /inventory/{product_id} admin
    POST /inventory/{product_id}/adjustments admin service(product)
    POST /inventory/{product_id}/reserve service(order)
    POST /reservations service(order)
    POST /reservations/{order_id}/commit service(order)
    POST /reservations/{order_id}/release service(order)
    POST /reservations/{order_id}/return service(order)
    GET /reservations/{order_id} admin service(order)
    GET /inventory/{product_id}/movements admin
    GET /books service(order) admin`),
];

export const may = (row: Row, kind: string) => row.who.includes(kind) || row.who.includes('public');
export const forOutside = (row: Row) => row.who.some((w) => ['public', 'shopper', 'admin'].includes(w));
