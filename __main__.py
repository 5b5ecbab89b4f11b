"""The home lab, top to bottom."""

import pulumi

from components.machines.fleet import Fleet
from components.mesh.mesh import Mesh
from components.plan import plan
from config.load import load

lab = plan(load())

fleet = Fleet("fleet", lab.fleet)
mesh = Mesh("mesh", lab.mesh, fleet.machines, fleet.endpoints)

pulumi.export("machines", fleet.summary)
pulumi.export("roundTripTimes", mesh.round_trip_times)
pulumi.export("clients", mesh.clients)
