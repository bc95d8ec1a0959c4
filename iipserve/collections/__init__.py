"""Collections of images: what a store knows of them, how it is searched, and the databases that keep it.

Importing this package and its modules `values` and `store` loads the standard library only. SQLAlchemy, shapely, cql2 and
antimeridian, the packages of the extra `collections`, are imported by the modules that `store.open_store` imports.
"""
