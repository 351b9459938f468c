import type * as z from 'zod';
import type { Json } from './json-schema.ts';
import { ok, operator, type Routes } from './openapi-route.ts';
import {
  ConnectionsQuery,
  CutRequest,
  DisconnectRequest,
  ExportQuery,
  GatewaysQuery,
  InterfacesQuery,
  IpsecQuery,
  MaintenanceRequest,
  ProfileRequest,
  RightsQuery,
  RoleRequest,
  SessionsQuery,
  SignOutRequest,
  TunnelRequest,
} from './requests.ts';

/** What is asked of gateways and tunnels beyond what every resource can do. */
export const gatewayRoutes = (bodyOf: (schema: z.ZodType) => Json): Routes => ({
  '/v1/projects/{project}/gateways:status': {
    get: { summary: 'How gateways are doing: role, reasons, addresses', query: GatewaysQuery, answers: ok('Gateways') },
  },
  '/v1/projects/{project}/ipsec:status': {
    get: {
      summary: 'How IPsec tunnels are doing, and why one is not up',
      query: IpsecQuery,
      answers: ok('IpsecTunnels'),
    },
  },
  '/v1/projects/{project}/ipsec/{name}/state': {
    post: { summary: 'Take a tunnel up or down', ...operator, body: bodyOf(TunnelRequest), answers: ok('Empty') },
  },
  '/v1/projects/{project}/ipsec/{name}/export': {
    get: { summary: 'Settings of the other end of a tunnel', query: ExportQuery, answers: ok('IpsecExport') },
  },
  '/v1/projects/{project}/gateways/{name}/rules': {
    get: { summary: 'Rules of the filter policy in force with hits, bytes and warnings', answers: ok('GatewayRules') },
  },
  '/v1/projects/{project}/gateways/{name}/connections': {
    get: { summary: 'Connections that cross a gateway', query: ConnectionsQuery, answers: ok('Connections') },
  },
  '/v1/projects/{project}/gateways/{name}/interfaces': {
    get: { summary: 'What the interfaces of a gateway carry now', query: InterfacesQuery, answers: ok('Interfaces') },
  },
  '/v1/projects/{project}/gateways/{name}/routes': {
    get: { summary: 'What a gateway routes by, and where each route comes from', answers: ok('GatewayRoutes') },
  },
  '/v1/projects/{project}/gateways/{name}/signIns': {
    get: { summary: 'Who has signed in at the captive portal of a gateway', answers: ok('SignIns') },
  },
  '/v1/projects/{project}/gateways/{name}/signOut': {
    post: {
      summary: 'Sign somebody out of the captive portal of a gateway',
      ...operator,
      body: bodyOf(SignOutRequest),
      answers: ok('Empty'),
    },
  },
  '/v1/projects/{project}/gateways/{name}/cut': {
    post: { summary: 'End connections', ...operator, body: bodyOf(CutRequest), answers: ok('Empty') },
  },
  '/v1/projects/{project}/gateways/{name}/role': {
    post: { summary: 'Switch a cluster by hand', ...operator, body: bodyOf(RoleRequest), answers: ok('Empty') },
  },
  '/v1/projects/{project}/gateways/{name}/maintenance': {
    post: {
      summary: 'Keep a member from being active',
      ...operator,
      body: bodyOf(MaintenanceRequest),
      answers: ok('Empty'),
    },
  },
  '/v1/projects/{project}/gateways/{name}/network': {
    post: { summary: 'Apply the network configuration again', ...operator, answers: ok('GatewayNetwork') },
  },
  '/v1/projects/{project}/gateways/{name}/restart': {
    post: { summary: 'Restart the programs of a member that stands by', ...operator, answers: ok('Empty') },
  },
  '/v1/projects/{project}/gateways/{name}/sync': {
    post: { summary: 'Settle what members hold, and compare it', ...operator, answers: ok('Gateways') },
  },
});

/** The same of SSL VPN servers, and who may what. */
export const sslVpnRoutes = (bodyOf: (schema: z.ZodType) => Json): Routes => ({
  '/v1/projects/{project}/rights': {
    get: {
      summary: 'Who may what, and through which role binding or group',
      query: RightsQuery,
      answers: ok('Rights'),
    },
  },
  '/v1/projects/{project}/sslVpnServers:sessions': {
    get: { summary: 'Who is connected by the SSL VPN', query: SessionsQuery, answers: ok('VpnSessions') },
  },
  '/v1/projects/{project}/sslVpnServers:disconnect': {
    post: {
      summary: 'End the sessions of a person',
      ...operator,
      body: bodyOf(DisconnectRequest),
      answers: ok('Empty'),
    },
  },
  '/v1/projects/{project}/sslVpnServers/{name}/profile': {
    post: {
      summary: 'Make a profile for a stock OpenVPN client, with a certificate where the server asks for one',
      ...operator,
      body: bodyOf(ProfileRequest),
      answers: ok('VpnProfile'),
    },
  },
});
